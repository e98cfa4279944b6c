import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { chooseUserRange } from '../../../../node/rebuild/user-range.ts'

const SIZE = 65_536

async function chooseFrom(own: string, subuid = ''): Promise<number | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'rebuildnet-ids-'))
  onTestFinished(() => rm(folder, { recursive: true }))
  const paths = { own: join(folder, 'uid_map'), handedOut: [join(folder, 'subuid')] }
  await writeFile(paths.own, own)
  await writeFile(join(folder, 'subuid'), subuid)
  return chooseUserRange(paths)
}

const WHOLE = '         0          0 4294967295\n'

describe('the user ids of a build', () => {
  it('are ones that no ordinary user has, others each time', async () => {
    const found = await Promise.all(Array.from({ length: 20 }, () => chooseFrom(WHOLE)))
    for (const first of found) expect(first).toBeGreaterThanOrEqual(0x5800_0000)
    expect(new Set(found).size).toBeGreaterThan(1)
  })

  it('are the free ones where others are handed out', async () => {
    const three = `0 1000000 ${SIZE * 3}\n`
    expect(await chooseFrom(three, `ada:${SIZE}:${SIZE}\n`)).toBe(SIZE * 2)
    expect(await chooseFrom(three, `ada:${SIZE}:1\nbob:${SIZE * 3 - 1}:1\n`)).toBeUndefined()
  })

  it.each([`0 1000 1\n`, `0 0 ${SIZE}\n`, '', '1000 0 4294967295\n'])(
    'are none where this process has only %j',
    async (own) => {
      expect(await chooseFrom(own)).toBeUndefined()
    },
  )
})
