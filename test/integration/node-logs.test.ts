/** Whole nodes whose policies ask for freshness, as they do by default. */
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, onTestFinished } from 'vitest'
import { systemClock, unixSeconds } from '../../node/clock.ts'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { openDataFolder } from '../../node/data-folder.ts'
import { checkStore } from '../../node/fsck.ts'
import { openOfflineService } from '../../node/node.ts'
import { Database } from '../../node/store/database.ts'
import { rangeIn } from '../../node/store/keys.ts'
import { encodeBundle } from '../../protocol/bundle.ts'
import { proveFork } from '../../protocol/log/equivocation.ts'
import { TestLog } from '../support/logs.ts'
import {
  ask,
  GOOD,
  makeNodeFolder,
  prepareVotes,
  startFolder,
  writeSettings,
} from '../support/real-node.ts'
import { waitFor } from '../support/wait-for.ts'

async function makeNetwork() {
  const [maintainer, ada, bob, user] = await Promise.all(
    ['maintainer', 'ada', 'bob', 'user'].map((name) => makeNodeFolder(name)),
  )
  const all = [maintainer!, ada!, bob!, user!] as const
  for (const each of all) await writeSettings(each, maintainer!, [ada!, bob!])
  await prepareVotes(maintainer!, [ada!, bob!])
  return all
}

test('who trusts two rebuilders that are fresh is allowed, by their logs alone', async () => {
  const [maintainer, ada, bob, user] = await makeNetwork()
  const first = await startFolder(maintainer)
  const asker = await startFolder(user, [first.address])
  const lone = await ask(asker)
  expect(lone.decision).toBe('undecided')
  for (const each of [ada, bob]) await startFolder(each, [first.address])
  const answer = await waitFor('the user is allowed', async () => {
    const now = await ask(asker)
    return now.decision === 'allow' && now
  })
  expect(answer).toMatchObject({ verdict: 'reproduced', freshness: 'fresh', flags: [] })
  const { logs } = await asker.service.status()
  expect(logs.operators.map(({ name }) => name).sort()).toEqual(['ada', 'bob'])
  for (const each of logs.operators) {
    expect(each).toMatchObject({ complete: true, fresh: true, missing: [], equivocation: null })
  }
  // What it has is enough without a network, and on another machine as well.
  const signal = new AbortController().signal
  const { bundle } = await asker.service.exportBundle({ image: GOOD }, signal)
  await asker.stop()
  const offline = await openOfflineService(user.root)
  onTestFinished(() => offline.close())
  const reply = await offline.service.verdict({ image: GOOD, platform: 'linux/amd64' }, signal)
  expect(reply).toMatchObject({ decision: 'allow', logs: [{ fresh: true }, { fresh: true }] })
  const other = await makeNodeFolder('other')
  await writeSettings(other, maintainer, [ada, bob])
  const elsewhere = await openOfflineService(other.root)
  onTestFinished(() => elsewhere.close())
  const report = await elsewhere.service.importBundle(bundle)
  expect(report).toMatchObject({ refused: [], heads: 3, proofs: 0 })
  const there = await elsewhere.service.verdict({ image: GOOD, platform: 'linux/amd64' }, signal)
  expect(there).toMatchObject({ decision: 'allow', answers: [{ freshness: 'fresh' }] })
})

test('a vote that the disk has damaged is missing after fsck, and comes again before anything is allowed', async () => {
  const [maintainer, ada, bob, user] = await makeNetwork()
  const first = await startFolder(maintainer)
  for (const each of [ada, bob]) await startFolder(each, [first.address])
  const asker = await startFolder(user, [first.address])
  await waitFor('the user is allowed', async () => (await ask(asker)).decision === 'allow')
  await asker.stop()
  const { store: directory } = await openDataFolder(user.root)
  const database = await Database.open(join(directory, 'level'), async () => new Error('locked'))
  for (const [key, value] of await database.entries(rangeIn('statement'))) {
    if (!Buffer.from(value).includes('/rebuild/')) continue
    const changed = Uint8Array.from(value)
    changed[value.length - 40]! ^= 1
    await database.write([{ type: 'put', key, value: changed }], true)
  }
  await database.close()
  const report = await checkStore(user.root, { reindex: true })
  expect(report).toMatchObject({ mended: true, kept: null, lost: 0 })
  expect(report.damaged).toHaveLength(2)

  const alone = await openOfflineService(user.root)
  const signal = new AbortController().signal
  const reply = await alone.service.verdict({ image: GOOD, platform: 'linux/amd64' }, signal)
  await alone.close()
  expect(reply).toMatchObject({
    decision: 'undecided',
    logs: [{ complete: false }, { complete: false }],
  })
  const again = await startFolder(user, [first.address])
  await waitFor('the votes come again', async () => (await ask(again)).decision === 'allow')
})

test('a node that is restored from a backup opens a new log, says so, and is believed', async () => {
  const [maintainer, ada, bob, user] = await makeNetwork()
  const first = await startFolder(maintainer)
  const asker = await startFolder(user, [first.address])
  const backup = `${ada.root}-backup`
  await cp(ada.root, backup, { recursive: true })
  const running = await startFolder(ada, [first.address])
  await startFolder(bob, [first.address])
  await waitFor('the user is allowed', async () => (await ask(asker)).decision === 'allow')
  const { own: before } = (await running.service.status()).logs
  expect(before.origin).toMatch(/\/0$/)
  await running.stop()

  const restored = await startFolder({ ...ada, root: backup }, [first.address])
  const { own } = await waitFor('the restored node signs', async () => {
    const { logs } = await restored.service.status()
    return logs.own.head?.size === logs.own.size && logs
  })
  expect(own.origin).toMatch(/\/1$/)
  expect(own.reopened).toMatchObject({ n: 1 })
  expect(await restored.service.alerts({ open: true })).toMatchObject([
    { kind: 'log-reopened', operator: ada.operator.id },
  ])
  await waitFor('the user knows the new log to its end', async () => {
    const { operators } = (await asker.service.status()).logs
    const heard = operators.find(({ name }) => name === 'ada')
    return heard?.complete === true && heard.newestHead === own.head?.time
  })
  const answer = await ask(asker)
  expect(answer).toMatchObject({ decision: 'allow', flags: [] })
  expect(await asker.service.alerts({ open: true })).toEqual([])
})

test('a proof that one node is given ends what others allowed, and wakes them', async () => {
  const [maintainer, ada, bob, user] = await makeNetwork()
  const first = await startFolder(maintainer)
  const asker = await startFolder(user, [first.address])
  for (const each of [ada, bob]) await startFolder(each, [first.address])
  await waitFor('the user is allowed', async () => (await ask(asker)).decision === 'allow')

  const now = unixSeconds(systemClock)
  const [some, others] = ['a', 'b'].map((name) =>
    new TestLog(ada.operator).add(ada.operator.card, name).head(now),
  )
  const proof = proveFork(some!, others!, nodeCrypto)
  const bundle = encodeBundle({ questions: [], statements: [], logs: [], proofs: [proof.bytes] })
  const report = await first.service.importBundle(Buffer.from(bundle).toString('base64'))
  expect(report).toMatchObject({ proofs: 1, refused: [] })
  const alerts = await waitFor('the user is woken', async () => {
    const open = await asker.service.alerts({ open: true })
    return open.length > 0 && open
  })
  expect(alerts).toMatchObject([
    { kind: 'equivocation', severity: 'critical', operator: ada.operator.id },
  ])
  expect(await ask(asker)).toMatchObject({ decision: 'undecided' })
  expect(await asker.service.proofs(ada.operator.id)).toMatchObject([{ id: proof.id }])
})
