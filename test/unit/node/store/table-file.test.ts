import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import { Database } from '../../../../node/store/database.ts'
import { isTableFileIntact } from '../../../../node/store/table-file.ts'
import { utf8 } from '../../../../protocol/bytes.ts'
import { hexOf } from '../../../support/statements.ts'
import { temporaryFolder } from '../../../support/temporary-store.ts'

/** What LevelDB itself made of enough entries for several blocks and a compressed index. */
async function makeTableFile(): Promise<Uint8Array> {
  const folder = await temporaryFolder()
  const open = (): Promise<Database> =>
    Database.open(folder, async () => new Error('the test has it open'))
  const database = await open()
  for (let i = 0; i < 300; i++) {
    const [key, value] = [utf8(`image/${hexOf(String(i % 7))}/${i}`), utf8(hexOf(`v${i}`))]
    await database.write([{ type: 'put', key, value }], false)
  }
  await database.close()
  // The journal becomes a table file at the next opening.
  await (await open()).close()
  const name = (await readdir(folder)).find((each) => each.endsWith('.ldb'))
  return readFile(join(folder, name ?? 'no table file'))
}

const FOOTER_BYTES = 48

describe('a table file of LevelDB', () => {
  let file: Uint8Array
  beforeEach(async () => {
    file = Uint8Array.from(await makeTableFile())
  })

  it('is intact as it was written', () => {
    expect(file.length).toBeGreaterThan(8192)
    expect(isTableFileIntact(file)).toBe(true)
  })

  it('is not where any bit before its footer was flipped', () => {
    const missed: number[] = []
    for (let bit = 0; bit < (file.length - FOOTER_BYTES) * 8; bit += 13) {
      const [at, mask] = [bit >> 3, 1 << (bit & 7)]
      file[at] = (file[at] ?? 0) ^ mask
      if (isTableFileIntact(file)) missed.push(bit)
      file[at] = (file[at] ?? 0) ^ mask
    }
    expect(missed).toEqual([])
  })

  it('is not where it is cut anywhere', () => {
    for (let length = 0; length < file.length; length += 61) {
      expect(isTableFileIntact(file.subarray(0, length)), `${length} bytes`).toBe(false)
    }
  })
})
