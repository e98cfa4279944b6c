import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { loadOriginMark, writeOriginMark } from '../../../../node/log/origin-mark.ts'
import { makeOperator } from '../../../support/statements.ts'
import { temporaryFolder } from '../../../support/temporary-store.ts'

const [alice, bob] = ['alice', 'bob'].map((name) => {
  const { id, key } = makeOperator(name)
  return { operator: id, key: key.publicKey }
})

it('is that of its key alone, and a damaged one is not passed over', async () => {
  const path = join(await temporaryFolder(), 'signing.log')
  expect(await loadOriginMark(path, alice!)).toBeUndefined()
  await writeOriginMark(path, alice!, 3)
  expect(await loadOriginMark(path, alice!)).toBe(3)
  expect(await loadOriginMark(path, bob!)).toBeUndefined()
  await writeFile(path, 'rebuildnet log')
  await expect(loadOriginMark(path, alice!)).rejects.toMatchObject({ code: 'bad-value' })
})
