/** T12 of the threat list: what a hostile peer can and cannot do in sync. */
import { expect, test } from 'vitest'
import { concat } from '../../protocol/bytes.ts'
import { encodeAnswer, parseAnswer, type SyncAnswer } from '../../protocol/sync/answers.ts'
import { encodeRequest } from '../../protocol/sync/requests.ts'
import type { SyncRow } from '../../protocol/sync/query.ts'
import { makeOrigin } from '../../protocol/log/origin.ts'
import { projectTag } from '../../protocol/log/leaf.ts'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import {
  prefixed,
  readFrames,
  startHostilePeer,
  type HostilePeer,
} from '../support/hostile-peer.ts'
import { startAlteringServer } from '../support/hostile-server.ts'
import {
  createNode,
  startNode,
  WANTS_NOTHING,
  type TestNode,
  type TestNodeInit,
} from '../support/network.ts'
import { sharedLog } from '../support/network-logs.ts'
import { hexOf, makeOperator, makeRebuild, makeRelease, TEST_IMAGE } from '../support/statements.ts'
import { waitFor } from '../support/wait-for.ts'

const TAG = projectTag(TEST_IMAGE, nodeCrypto)

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = bytes.slice()
  copy[at]! ^= 1
  return copy
}

/** A node that writes down who comes and goes. */
async function startVictim(
  init: TestNodeInit = {},
): Promise<{ victim: TestNode; events: string[] }> {
  const victim = await startNode(init)
  const events: string[] = []
  victim.network.onPeer(({ state }) => events.push(state))
  return { victim, events }
}

async function isShutOut(hostile: HostilePeer, victim: TestNode, events: string[]): Promise<void> {
  await waitFor('it has come and gone', () => events.length === 2)
  expect(events).toEqual(['connected', 'disconnected'])
  await hostile.dial(victim.address()).catch(() => undefined)
  await waitFor('it is turned away', () => hostile.connections() === 0)
  expect(events).toHaveLength(2)
}

/** An honest peer delivers what the other one did not. */
async function getsItElsewhere(victim: TestNode): Promise<void> {
  const release = makeRelease()
  const honest = await startNode()
  await honest.ledger.put(release)
  await victim.network.dial(honest.address())
  await waitFor('the release comes', () => victim.ledger.has(release.statement.sid))
}

test.each([
  [
    'bodies that do not hash to what was asked for',
    (bytes: Uint8Array | undefined) =>
      bytes === undefined ? undefined : makeRelease({ version: 'another' }).bytes,
  ],
  [
    'bodies whose signature does not verify',
    (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : flipped(bytes, 40)),
  ],
  ['bodies that are none', () => Uint8Array.of(1, 9)],
])('T12: a sync peer that sends %s is shut out, and others deliver', async (_, forge) => {
  const liar = await startNode({
    disguise: (ledger) => ({ read: async (sids) => (await ledger.read(sids)).map(forge) }),
  })
  await liar.ledger.put(makeRelease())
  const { victim, events } = await startVictim()
  await victim.network.dial(liar.address())
  await waitFor('the liar has come and gone', () => events.length === 2)
  expect(victim.ledger.offers).toEqual([])
  await expect(victim.network.dial(liar.address())).rejects.toMatchObject({ code: 'dial-failed' })
  await getsItElsewhere(victim)
})

const ROW: SyncRow = {
  origin: makeOrigin(makeOperator('nobody').id, makeOperator('nobody').key.publicKey, 0),
  size: 1,
  root: hexOf('root'),
  time: 1_767_229_200,
  proven: false,
}
const numbered = (n: number): SyncRow => ({
  ...ROW,
  origin: makeOrigin(ROW.origin.operator, ROW.origin.key, n),
})
const rows = (more: 0 | 1 | 2, ...list: SyncRow[]): Uint8Array =>
  encodeAnswer({ type: 'rows', more, rows: list })

test.each([
  ['a frame over the limit', new Uint8Array(64 * 1024 + 1)],
  ['a frame of unknown type', Uint8Array.of(7)],
  ['an empty frame', new Uint8Array()],
  ['rows that go backwards', rows(0, numbered(1), numbered(0))],
  ['rows without an end', rows(2)],
  ['a frame that is cut', rows(0, numbered(0)).subarray(0, 100)],
  ['bodies that nobody asked for', encodeAnswer({ type: 'bodies', more: 0, items: [] })],
])('T12: a sync server that sends %s is shut out', async (_, answer) => {
  const hostile = await startHostilePeer()
  await hostile.serveSync((stream) => {
    stream.addEventListener('message', () => void stream.send(prefixed(answer)))
  })
  const { victim, events } = await startVictim()
  await hostile.dial(victim.address())
  await isShutOut(hostile, victim, events)
})

test('T12: a sync server whose rows never end is shut out after as many as a node can keep', async () => {
  const hosts = ['a', 'b'].map((name) => makeOperator(name)).sort((a, b) => (a.id < b.id ? -1 : 1))
  let next = 0
  const someRows = (): SyncRow[] =>
    Array.from({ length: 400 }, () => {
      const host = hosts[Math.floor(next / 65_536)]!
      return { ...ROW, origin: makeOrigin(host.id, host.key.publicKey, next++ % 65_536) }
    })
  const hostile = await startHostilePeer()
  await hostile.serveSync((stream) => {
    stream.addEventListener('message', ({ data }) => {
      // The length of a request comes by itself.
      if (data.byteLength < 10) return
      for (const more of [1, 1, 1, 1, 1, 1, 1, 2] as const) {
        stream.send(prefixed(rows(more, ...someRows())))
      }
    })
  })
  // It keeps none of them: nothing but their number tells that they are made up.
  const disguise: TestNodeInit['disguise'] = () => ({ standing: () => 'unwanted' })
  const { victim, events } = await startVictim({ disguise })
  await hostile.dial(victim.address())
  await isShutOut(hostile, victim, events)
  expect(next).toBeGreaterThan(65_536)
})

type Alter = (answer: SyncAnswer) => SyncAnswer

const LIES: [string, Alter][] = [
  [
    'a log larger than its head says',
    (answer) =>
      answer.type === 'rows'
        ? { ...answer, rows: answer.rows.map((row) => ({ ...row, size: 65_536 })) }
        : answer,
  ],
  [
    'a head whose signature does not verify',
    (answer) =>
      answer.type === 'heads'
        ? { ...answer, items: answer.items.map((item) => flipped(item, 160)) }
        : answer,
  ],
  [
    'a head of another log than was asked for',
    (answer) =>
      answer.type === 'heads'
        ? { ...answer, items: [sharedLog(makeOperator('other')).add('a').head().bytes] }
        : answer,
  ],
  [
    'leaves that do not give the root',
    (answer) =>
      answer.type === 'leaves'
        ? {
            ...answer,
            runs: answer.runs.map((run) => ({ ...run, slots: flipped(run.slots, 5) })),
          }
        : answer,
  ],
  [
    'no leaves for a log that it claims to have',
    (answer) => (answer.type === 'leaves' ? { ...answer, runs: [] } : answer),
  ],
  [
    'more leaves than were asked for',
    (answer) =>
      answer.type === 'leaves'
        ? {
            ...answer,
            runs: answer.runs.map((run) => ({ ...run, slots: concat(run.slots, run.slots) })),
          }
        : answer,
  ],
  [
    'a proof that proves nothing',
    (answer) => {
      if (answer.type === 'rows') {
        return { ...answer, rows: answer.rows.map((row) => ({ ...row, proven: true })) }
      }
      if (answer.type !== 'proofs') return answer
      return { ...answer, items: [Uint8Array.of(1, 2, 3)] }
    },
  ],
  [
    'the same body twice',
    (answer) =>
      answer.type === 'bodies'
        ? { ...answer, items: answer.items.flatMap((item) => [item, item]) }
        : answer,
  ],
]

test.each(LIES)(
  'T12: a sync server that sends %s is shut out, and others deliver',
  async (_, alter) => {
    const { ledger } = await createNode()
    await ledger.put(makeRelease())
    const hostile = await startAlteringServer(ledger, alter)
    const { victim, events } = await startVictim()
    await hostile.dial(victim.address())
    await isShutOut(hostile, victim, events)
    expect(victim.ledger.offers.length).toBeLessThanOrEqual(1)
    await getsItElsewhere(victim)
  },
)

test.each([
  ['nothing at all', new Uint8Array()],
  ['half a frame', prefixed(rows(0, ROW)).subarray(0, 50)],
])(
  'T12: a sync server that answers with %s and waits loses its connection, no more',
  async (_, part) => {
    const hostile = await startHostilePeer()
    await hostile.serveSync((stream) => {
      stream.addEventListener('message', () => {
        if (part.length > 0) stream.send(part)
      })
    })
    const { victim, events } = await startVictim({ options: { syncStallMs: 300 } })
    await hostile.dial(victim.address())
    await waitFor('it has come and gone', () => events.length === 2)
    await getsItElsewhere(victim)
    // Slowness is no proof of ill will.
    await hostile.dial(victim.address())
    await waitFor('it may come again', () => hostile.connections() > 0)
  },
)

test('T12: a sync server that ends in the middle of a frame does no harm', async () => {
  const hostile = await startHostilePeer()
  await hostile.serveSync((stream) => {
    const half = (): void => {
      stream.send(prefixed(rows(0, ROW)).subarray(0, 50))
      void stream.close()
    }
    stream.addEventListener('message', half, { once: true })
  })
  const { victim, events } = await startVictim()
  await hostile.dial(victim.address())
  await waitFor('it has come', () => events.length === 1)
  await getsItElsewhere(victim)
})

const QUERY = encodeRequest({
  type: 'query',
  start: { kind: 'digest', digest: hexOf('what nobody has') },
  query: { operators: [], keys: [], tags: [TAG] },
})

async function hostileAt(node: TestNode): Promise<HostilePeer> {
  const hostile = await startHostilePeer()
  await hostile.dial(node.address())
  return hostile
}

test('T12: a sync client that floods requests without reading is cut off', async () => {
  const victim = await startNode({ wants: WANTS_NOTHING })
  const hostile = await hostileAt(victim)
  const stream = await hostile.openSync()
  const reset = new Promise((resolve) => stream.addEventListener('close', resolve))
  const flood = prefixed(new Uint8Array(60 * 1024))
  for (let i = 0; i < 20 && stream.status === 'open'; i++) stream.send(flood)
  await reset
  expect(stream.status).toBe('reset')
})

test('T12: a sync client that asks for more rounds than there are is refused and loses nothing else', async () => {
  const victim = await startNode({ wants: WANTS_NOTHING })
  const hostile = await hostileAt(victim)
  const stream = await hostile.openSync()
  const frames = readFrames(stream)
  for (let i = 0; i < 65; i++) stream.send(prefixed(QUERY))
  const answers = (await frames).map(parseAnswer)
  expect(answers).toHaveLength(65)
  expect(answers.at(-1)).toEqual({ type: 'error', code: 'too-many-rounds' })
})

test('T12: a sync client whose request is none is told so', async () => {
  const victim = await startNode({ wants: WANTS_NOTHING })
  const hostile = await hostileAt(victim)
  const stream = await hostile.openSync()
  stream.send(prefixed(Uint8Array.of(9)))
  const [answer] = await readFrames(stream)
  expect(parseAnswer(answer!)).toEqual({ type: 'error', code: 'bad-request' })
})

test('T12: one exchange a peer: the second one is told to come later', async () => {
  const victim = await startNode({ wants: WANTS_NOTHING })
  const hostile = await hostileAt(victim)
  const first = await hostile.openSync()
  const served = new Promise((resolve) => first.addEventListener('message', resolve))
  first.send(prefixed(QUERY))
  await served
  const second = await hostile.openSync()
  second.send(prefixed(QUERY))
  const [answer] = await readFrames(second)
  expect(parseAnswer(answer!)).toEqual({ type: 'error', code: 'busy' })
})

test('T12: slow clients that hold every place are cut off, and an honest one gets what it misses', async () => {
  const release = makeRelease()
  const rebuilds = Array.from({ length: 600 }, (_, i) =>
    makeRebuild({ release, digest: `result ${i}` }),
  )
  const victim = await startNode({ wants: WANTS_NOTHING, options: { syncStallMs: 1000 } })
  await victim.ledger.put(release, ...rebuilds)
  const bodies = encodeRequest({ type: 'bodies', sids: rebuilds.map((r) => r.statement.sid) })
  const ends = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const hostile = await hostileAt(victim)
      const stream = await hostile.openSync()
      const ended = new Promise((resolve) => stream.addEventListener('close', resolve))
      // It asks for a megabyte and never reads on.
      stream.addEventListener('message', () => stream.pause())
      stream.send(prefixed(bodies))
      return ended
    }),
  )
  const honest = await startNode({ options: { bootstrap: [victim.address()] } })
  await waitFor('the honest one has all', () => honest.ledger.store.statements.count() === 601)
  await Promise.all(ends)
})

test('T12: four exchanges at once: a node that finds no room gets what it misses afterwards', async () => {
  const release = makeRelease()
  const hub = await startNode({ wants: WANTS_NOTHING })
  await hub.ledger.put(release, makeRebuild({ release }))
  const others = await Promise.all(
    Array.from({ length: 10 }, () => startNode({ options: { bootstrap: [hub.address()] } })),
  )
  await waitFor('all have it', async () =>
    (await Promise.all(others.map((each) => each.ledger.has(release.statement.sid)))).every(
      Boolean,
    ),
  )
})
