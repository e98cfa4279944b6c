import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { TallyPace } from '../../../node/tally-pace.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

/** A rush in which as much has been asked as is done without a rest. */
async function makeRush() {
  const pace = new TallyPace()
  const take = (ms: number) => pace.pace(() => vi.advanceTimersByTimeAsync(ms))
  pace.came()
  await take(40)
  await take(20)
  const next = vi.fn(async () => undefined)
  const asked = pace.pace(next)
  await vi.advanceTimersByTimeAsync(0)
  return { pace, next, asked }
}

describe('the pace of the tally', () => {
  it('lets what is short be done at once', async () => {
    const pace = new TallyPace()
    pace.came()
    const work = vi.fn(async () => undefined)
    for (let n = 0; n < 20; n++) await pace.pace(work)
    expect(work).toHaveBeenCalledTimes(20)
    expect(vi.getTimerCount()).toBe(0)
  })

  it('leaves nine tenths of the time to those that go on coming', async () => {
    const { pace, next, asked } = await makeRush()
    for (let ms = 0; ms < 500; ms += 100) {
      pace.came()
      await vi.advanceTimersByTimeAsync(100)
    }
    expect(next).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(60)
    await asked
    expect(next).toHaveBeenCalledOnce()
  })

  it('rests no more where somebody waits for the end', async () => {
    const { pace, next, asked } = await makeRush()
    await pace.hurry(() => asked)
    expect(next).toHaveBeenCalledOnce()
  })

  it('rests no more once it is stopped', async () => {
    const { pace, next, asked } = await makeRush()
    pace.stop()
    await asked
    expect(next).toHaveBeenCalledOnce()
  })

  it('takes all of the time once no more come', async () => {
    const { pace, asked } = await makeRush()
    await vi.advanceTimersByTimeAsync(2_000)
    await asked
    const began = performance.now()
    for (let n = 0; n < 10; n++) await pace.pace(() => vi.advanceTimersByTimeAsync(100))
    expect(performance.now() - began).toBe(1_000)
  })
})
