/** What a release that publishes an image lists of the logs of those who have committed. */
import { expect, it } from 'vitest'
import { committedLogs } from '../../../node/committed-logs.ts'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { makeBook, show, TestLog } from '../../support/logs.ts'
import {
  makeCommitment,
  makeOperator,
  makeRebuild,
  makeRelease,
  operatorOf,
  type TestOperator,
} from '../../support/statements.ts'
import { temporaryStore } from '../../support/temporary-store.ts'

const blind = makeRelease({ published: undefined })
const promise = (by: TestOperator, release = blind) =>
  makeCommitment(makeRebuild({ release, operator: by }), { operator: by })

it('lists them at their newest head, sorted, and none where nothing is published', async () => {
  const [alice, bob, carol, dave] = ['alice', 'bob', 'carol', 'dave'].map((name) =>
    makeOperator(name),
  ) as [TestOperator, TestOperator, TestOperator, TestOperator]
  const store = await temporaryStore()
  const book = makeBook()
  const logs = [alice, bob].map((by) => {
    const log = new TestLog(by).add(by.card, promise(by), 'something later')
    show(book, log)
    return log
  })
  // Carol's is in no log that is here; Dave's is of another input.
  const other = makeRelease({ published: undefined, version: '0.9.0' })
  show(book, new TestLog(dave).add(dave.card, promise(dave, other)))
  for (const each of [promise(alice), promise(bob), promise(carol), promise(dave, other)]) {
    await store.statements.put(each.bytes)
  }
  const parts = {
    store,
    crypto: nodeCrypto,
    signers: { operatorOf: (key: string) => operatorOf(key)?.id },
    logs: { book },
    policy: { lastPolicy: { operators: [{ id: bob.id }] } },
  }
  const listed = await committedLogs(parts, makeRelease().statement.body)
  const expected = logs.map(({ origin, tree }) => ({
    origin: origin.text,
    size: 3,
    root: tree.root(),
  }))
  expect(listed).toEqual(expected.sort((a, b) => (a.origin < b.origin ? -1 : 1)))
  // It can be signed as it is.
  const { body } = makeRelease({ publishes: blind.statement.sid, logs: listed }).statement
  expect(body.logs).toEqual(listed)
  expect(await committedLogs(parts, blind.statement.body)).toEqual([])
})
