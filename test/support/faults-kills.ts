/**
 * kill -9 of a whole node that publishes: what it has acknowledged is there afterwards, in its store
 * and its log, and a peer that was told of it at the time knows nothing else. Half of the kills are in a
 * file of their own each, for a core of its own.
 */
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { checkStore, isClean } from '../../node/fsck.ts'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { OwnLog } from '../../protocol/log/own-log.ts'
import { LogBook } from '../../protocol/log/log-book.ts'
import { toHex } from '../../protocol/bytes.ts'
import { makeNodeFolder, writeSettings, type NodeFolder } from './real-node.ts'
import { FaultNode, followLocalProject, PATIENCE } from './faults-node.ts'
import { makeSource, Publisher, putReleases } from './faults-publisher.ts'
import { TEST_IMAGE } from './statements.ts'
import { openStore, temporaryFolder } from './temporary-store.ts'
import { waitFor } from './wait-for.ts'

const ROUNDS_OF_BOTH = { default: 30, ci: 100, soak: 1000 }[
  process.env.REBUILDNET_TEST_DEPTH ?? 'default'
] as number
const ROUNDS = ROUNDS_OF_BOTH / 2
/** One round in so many kills the node while it starts. */
const START_KILLS = 5
const MAX_START_MS = 1500
const MAX_ACKNOWLEDGED = 12
const MAX_MORE_MS = 60
const RELEASES_PER_ROUND = 5

/** Statements of a key in a folder that no node has open, and the leaves of its log there. */
async function ownStatements({ root, operator }: NodeFolder) {
  const store = await openStore(join(root, 'store'))
  try {
    const records = []
    const owner = { operator: operator.id, key: operator.key.publicKey }
    for await (const record of store.ownLog.scan(OwnLog.prefix(owner))) records.push(record)
    const log = OwnLog.restore(nodeCrypto, owner, records)
    const stored = await store.statements.ofKey(operator.key.publicKey)
    return { log, sids: stored.map(({ sid }) => sid) }
  } finally {
    await store.close()
  }
}

/** The same as another folder has heard of them. */
async function heardStatements({ root }: NodeFolder, publisher: NodeFolder) {
  const store = await openStore(join(root, 'store'))
  try {
    const records = []
    for await (const record of store.logs.scan()) records.push(record)
    const book = new LogBook({
      crypto: nodeCrypto,
      secret: new Uint8Array(16),
      wants: () => true,
    })
    expect(book.restore(records)).toEqual([])
    const key = publisher.operator.key.publicKey
    const stored = await store.statements.ofKey(key)
    return {
      sids: stored.map(({ sid }) => sid),
      proofs: book.proofs().map(({ words }) => words),
      logs: book.logsOf(publisher.operator.id, key).map(({ origin }) => ({
        origin: origin.text,
        slots: toHex(book.entries(origin.text, 0, book.head(origin.text)?.size ?? 0)),
      })),
    }
  } finally {
    await store.close()
  }
}

export function testHalfOfKills(): void {
  it(
    `a node that is killed while it publishes, ${ROUNDS} times, loses nothing that it acknowledged and forks no log`,
    { timeout: 600_000 + ROUNDS * 30_000 },
    async () => {
      const [alice, watcher] = [await makeNodeFolder('alice'), await makeNodeFolder('watcher')]
      const { repository, commit } = await makeSource(await temporaryFolder())
      for (const folder of [alice, watcher]) {
        await writeSettings(folder, alice, [alice])
        await followLocalProject(folder.root, TEST_IMAGE, alice.operator.id, repository)
      }
      const pool = await putReleases(alice, ROUNDS * RELEASES_PER_ROUND)
      const config = {
        ...{ listen: ['/ip4/127.0.0.1/tcp/0'], mdns: false, upnp: false, network: 'test' },
        ...{ sync_interval: '2s', min_free_mb: 0, log_level: 'error' },
      }
      const peer = new FaultNode({ root: watcher.root, config })
      const bootstrap = (await peer.start()).listen.slice(0, 1)
      const node = new FaultNode({ root: alice.root, config: { ...config, bootstrap } })
      // A stop in order once: a process that is killed leaves no compiled code to the next.
      await node.start()
      await node.signing()
      await node.stop()

      const publisher = new Publisher(node.client, commit, pool)
      let [kills, cutOff] = [0, 0]
      for (let round = 0; round < ROUNDS; round++) {
        await node.spawn()
        if (round % START_KILLS === START_KILLS - 1) {
          // Not a wait for something: the instant of the kill is what is varied.
          await new Promise((resolve) => setTimeout(resolve, Math.random() * MAX_START_MS))
          await node.kill()
          kills++
          continue
        }
        await node.started()
        // Either it signs heads already, or it has yet to hear what is known of its log.
        if (round % 2 === 0) await node.signing()
        const before = publisher.acknowledged.length
        const enough = before + 1 + Math.floor(Math.random() * MAX_ACKNOWLEDGED)
        let killing: Promise<void> | undefined
        await publisher.untilGone(`round.${round}`, () => {
          if (publisher.acknowledged.length < enough || killing !== undefined) return
          const more = Math.random() * MAX_MORE_MS
          killing = new Promise((resolve) => setTimeout(resolve, more)).then(() => node.kill())
        })
        await killing
        expect(node.isRunning).toBe(false)
        expect(publisher.acknowledged.length).toBeGreaterThan(before)
        kills++
        cutOff++
      }
      expect(kills).toBe(ROUNDS)

      await node.start()
      const { logs } = await node.signing()
      expect(logs.own.reopened).toBeNull()
      // Heads tell seconds: the last one gets a second of its own, to be known by it.
      const { time = 0 } = (await node.signing()).logs.own.head ?? {}
      await waitFor('another second', () => Date.now() / 1000 >= time + 2)
      await publisher.announce('the.last')
      await waitFor(
        'the peer has all that was said',
        async () => {
          const [here, there] = await Promise.all([node.client.status(), peer.client.status()])
          const [standing] = there.logs.operators
          const isNewest = standing?.newestHead === here.logs.own.head?.time
          return isNewest && standing?.complete === true && here.logs.own.signing
        },
        PATIENCE,
      )
      expect(await peer.client.proofs()).toEqual([])
      expect(await node.client.proofs()).toEqual([])
      await Promise.all([node.stop(), peer.stop()])

      const own = await ownStatements(alice)
      const heard = await heardStatements(watcher, alice)
      const { sids, log } = own
      const stored = new Set(sids)
      expect(publisher.acknowledged.filter((sid) => !stored.has(sid))).toEqual([])
      expect(sids.filter((sid) => !log.has(sid))).toEqual([])
      expect(log.damage).toBeUndefined()
      expect(log.size).toBe(sids.length)
      // The peer was there all along: what it heard at any time is what there is now.
      expect(new Set(heard.sids)).toEqual(stored)
      expect(heard.proofs).toEqual([])
      const slots = log.slots(0, 0, log.size).map((slot) => toHex(slot))
      expect(heard.logs).toEqual([{ origin: log.origin.text, slots: slots.join('') }])
      expect(log.origin.n).toBe(0)
      const report = await checkStore(alice.root, { reindex: false })
      expect(isClean(report), JSON.stringify(report)).toBe(true)
      const said = publisher.acknowledged.length
      console.log(`${kills} kills, ${cutOff} of them under load, ${said} acknowledged, none lost`)
    },
  )
}
