import { expect, it } from 'vitest'
import { StoreAdmission } from '../../../node/admission.ts'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { Signers } from '../../../node/signers.ts'
import type { CreatedStatement } from '../../../protocol/create-statement.ts'
import { makeOperator, makeRebuild } from '../../support/statements.ts'
import { temporaryStore } from '../../support/temporary-store.ts'
import { mismatchedRebuilds } from '../../support/vectors/mismatched-rebuilds.ts'
import { good } from '../../support/vectors/valid-statements.ts'

const { sid, body } = good.statement
const contradicting = mismatchedRebuilds.filter(
  ([, code, release, rebuild]) =>
    code !== undefined && release === good && rebuild.statement.body.release === sid,
)

async function makeAdmission() {
  const store = await temporaryStore()
  const admission = new StoreAdmission({
    store,
    crypto: nodeCrypto,
    signers: new Signers(),
    images: () => [body.image],
    wanted: () => new Set(),
    stored: () => undefined,
  })
  const accept = ({ statement, bytes }: CreatedStatement) => admission.accept(statement, bytes)
  return { accept }
}

it('takes no vote that contradicts its release, whatever vote for that release was taken before', async () => {
  expect(contradicting.length).toBeGreaterThan(3)
  const { accept } = await makeAdmission()
  const vote = (name: string) => makeRebuild({ operator: makeOperator(name), release: good })
  expect(await accept(good)).toBe('stored')
  for (const [name, , , rebuild] of contradicting) {
    expect(await accept(rebuild), name).toBe('mismatch')
  }
  expect(await accept(vote('alice'))).toBe('stored')
  for (const [name, , , rebuild] of contradicting) {
    expect(await accept(rebuild), name).toBe('mismatch')
  }
  expect(await accept(vote('bob'))).toBe('stored')
})

it('keeps a vote whose release is not here, and judges the next one when it is', async () => {
  const { accept } = await makeAdmission()
  const [first, second] = contradicting
  expect(await accept(first![3])).toBe('stored')
  expect(await accept(good)).toBe('stored')
  expect(await accept(second![3])).toBe('mismatch')
})
