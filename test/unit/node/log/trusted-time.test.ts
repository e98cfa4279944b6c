import { describe, expect, it } from 'vitest'
import { TrustedTime } from '../../../../node/log/trusted-time.ts'
import { ManualClock } from '../../../support/manual-clock.ts'
import { TEST_TIME } from '../../../support/statements.ts'
import { openStore, temporaryFolder } from '../../../support/temporary-store.ts'

const DAY = 24 * 3600

describe('the time that verdicts are judged by', () => {
  it('does not go back where the clock is set back, not even over a restart', async () => {
    const folder = await temporaryFolder()
    const store = await openStore(folder)
    const clock = new ManualClock(TEST_TIME)
    const time = new TrustedTime({ clock, table: store.meta })
    await time.load()
    expect(time.seconds()).toBe(TEST_TIME)
    await store.write([time.writingDown()])
    await store.close()

    const again = await openStore(folder)
    const early = new ManualClock(TEST_TIME - 7 * DAY)
    const later = new TrustedTime({ clock: early, table: again.meta })
    await later.load()
    expect(later.seconds()).toBe(TEST_TIME)
    expect(later.behind).toBe(7 * DAY)
    await again.close()
  })

  it('goes with the clock where that is ahead, and bears with one that is a little behind', async () => {
    const store = await openStore(await temporaryFolder())
    const clock = new ManualClock(TEST_TIME)
    const time = new TrustedTime({ clock, table: store.meta })
    time.writingDown()
    clock.advance(-600)
    expect([time.seconds(), time.behind]).toEqual([TEST_TIME, undefined])
    clock.advance(600 + DAY)
    expect([time.seconds(), time.behind]).toEqual([TEST_TIME + DAY, undefined])
    await store.close()
  })
})
