/**
 * Nodes that share nothing but the network: a real LevelDB store and real TCP on loopback for each.
 * What node/node.ts makes of store and policy is here the least that a network needs.
 */
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { createLogger } from '../../node/logger.ts'
import type { Acceptance, Admission, Origin as Source } from '../../node/network/admission.ts'
import { Network, type NetworkOptions, type SyncStore } from '../../node/network/network.ts'
import type { TreeSource } from '../../node/network/trees/serve.ts'
import type { Store } from '../../node/store/store.ts'
import { toHex } from '../../protocol/bytes.ts'
import type { CreatedStatement } from '../../protocol/create-statement.ts'
import { openStatement } from '../../protocol/open-statement.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import type { ImageName, OperatorId } from '../../protocol/identifiers.ts'
import type { Head } from '../../protocol/log/head.ts'
import { projectTag } from '../../protocol/log/leaf.ts'
import type { Origin } from '../../protocol/log/origin.ts'
import type { SyncQuery } from '../../protocol/sync/query.ts'
import type { OriginStanding } from '../../protocol/sync/sync-book.ts'
import { makeBook, show, type TestLog } from './logs.ts'
import { ManualClock } from './manual-clock.ts'
import { headTime, sharedLog } from './network-logs.ts'
import { operatorOf, TEST_IMAGE, TEST_TIME } from './statements.ts'
import { temporaryFolder, temporaryStore } from './temporary-store.ts'

/**
 * The store and the log book as the network sees them, and what came in. Logs are kept of everybody
 * while projects are followed, else of the operators that are wanted, whose keys a card must list.
 */
export class TestLedger implements Admission, SyncStore {
  readonly store: Store
  readonly book = makeBook((origin) => this.standing(origin) === 'wanted')
  /** What was offered, in order, and how it came. */
  readonly offers: { readonly sid: string; readonly origin: Source }[] = []
  /** Signers that are not on any card. */
  readonly strangers = new Set<string>()
  readonly #hashes = new Set<string>()
  /** Signing key -> the operator whose card lists it. */
  readonly #cards = new Map<string, string>()
  readonly #kept = new Set<string>()
  #wants: SyncWants

  constructor(store: Store, wants: SyncWants) {
    this.store = store
    this.#wants = wants
  }

  isKnownMessage(messageHash: string): boolean {
    return this.#hashes.has(messageHash)
  }

  async kindOf(sid: string): Promise<SignedStatement['body']['kind'] | undefined> {
    return (await this.store.statements.get(sid))?.statement.body.kind
  }

  admitsSigner(key: string): 'known' | 'unknown' {
    return this.strangers.has(key) ? 'unknown' : 'known'
  }

  async accept(statement: SignedStatement, bytes: Uint8Array, origin: Source): Promise<Acceptance> {
    this.offers.push({ sid: statement.sid, origin })
    return (await this.#put(bytes, statement)) === 'stored' ? 'stored' : 'duplicate'
  }

  async #put(bytes: Uint8Array, statement: SignedStatement): Promise<'stored' | 'known'> {
    this.#hashes.add(toHex(nodeCrypto.sha256(bytes)))
    const outcome = await this.store.statements.put(bytes)
    if (statement.body.kind === 'operator') {
      for (const key of statement.body.keys) this.#cards.set(key, statement.body.operator)
    }
    this.book.bodyArrived(statement, bytes)
    return outcome
  }

  /** Stores own statements, which enter the logs of their signers; the new heads. */
  async put(...statements: readonly (CreatedStatement | Uint8Array)[]): Promise<Head[]> {
    const changed = new Map<string, TestLog>()
    for (const given of statements) {
      const bytes = Uint8Array.from(given instanceof Uint8Array ? given : given.bytes)
      const statement = openStatement(bytes, nodeCrypto)
      await this.#put(bytes, statement)
      const signer = operatorOf(statement.key)
      if (signer !== undefined) changed.set(signer.id, sharedLog(signer, { bytes, statement }))
    }
    const heads = [...changed.values()].map((log) => this.keep(log))
    await this.commit()
    return heads
  }

  /** Takes a log as it is, whoever is wanted. */
  keep(log: TestLog, time = headTime(log)): Head {
    this.#kept.add(log.origin.text)
    return show(this.book, log, time)
  }

  wants(): SyncWants {
    return this.#wants
  }

  follow(wants: SyncWants): void {
    this.#wants = wants
  }

  query(): SyncQuery {
    const { images, operators } = this.#wants
    return { operators, keys: [], tags: images.map((image) => projectTag(image, nodeCrypto)) }
  }

  standing({ text, operator, key }: Origin): OriginStanding {
    const { images, operators } = this.#wants
    if (this.#kept.has(text) || images.length > 0) return 'wanted'
    if (!operators.includes(operator)) return 'unwanted'
    return this.#cards.get(key) === operator ? 'wanted' : 'needs-card'
  }

  async commit(): Promise<void> {
    this.book.takeRecords()
    for (const { origin } of this.book.heads()) {
      for (const sid of [...this.book.missingBodies(origin.text)]) {
        const stored = await this.store.statements.get(sid)
        if (stored !== undefined) this.book.bodyArrived(stored.statement, stored.bytes)
      }
    }
  }

  async has(sid: string): Promise<boolean> {
    return this.store.statements.has(sid)
  }

  async read(sids: readonly string[]): Promise<readonly (Uint8Array | undefined)[]> {
    return Promise.all(sids.map(async (sid) => (await this.store.statements.get(sid))?.bytes))
  }

  async hasAll(statements: readonly CreatedStatement[]): Promise<boolean> {
    const found = await Promise.all(statements.map(({ statement }) => this.has(statement.sid)))
    return found.every(Boolean)
  }
}

export interface TestNode {
  readonly ledger: TestLedger
  readonly network: Network
  readonly clock: ManualClock
  /** The one address that others dial. */
  address(): string
  /** Stores own statements and tells the network. */
  publish(...statements: readonly CreatedStatement[]): Promise<void>
}

/** Sync never comes by itself within a test: what gossip delivers is then told from what sync does. */
const QUIET: Partial<NetworkOptions> = {
  network: 'test',
  listen: ['/ip4/127.0.0.1/tcp/0'],
  mdns: false,
  agent: 'rebuildnet/test',
  syncIntervalMs: 3_600_000,
  settleMs: 3_600_000,
  redialIntervalMs: 200,
}

export interface TestNodeInit {
  readonly options?: Partial<NetworkOptions>
  readonly wants?: SyncWants
  /** Changes what the network sees of the ledger, to make a node that lies. */
  readonly disguise?: (ledger: TestLedger) => Partial<Admission & SyncStore>
  /** Where its peer key is; a node that comes back keeps it. */
  readonly folder?: string
  readonly ledger?: TestLedger
  /** Trees that it serves. */
  readonly trees?: TreeSource
}

/** What a test node wants of the network. */
export interface SyncWants {
  readonly images: readonly ImageName[]
  readonly operators: readonly OperatorId[]
}

export const FOLLOWS_TEST_IMAGE: SyncWants = { images: [TEST_IMAGE], operators: [] }
export const WANTS_NOTHING: SyncWants = { images: [], operators: [] }

/** A node with a store of its own that has not started; it is stopped when the test ends. */
export async function createNode(init: TestNodeInit = {}): Promise<TestNode> {
  const { wants = FOLLOWS_TEST_IMAGE, options = {}, disguise } = init
  const ledger = init.ledger ?? new TestLedger(await temporaryStore(), wants)
  const admission: Admission = {
    isKnownMessage: (hash) => ledger.isKnownMessage(hash),
    kindOf: (sid) => ledger.kindOf(sid),
    admitsSigner: (key) => ledger.admitsSigner(key),
    accept: (statement, bytes, origin) => ledger.accept(statement, bytes, origin),
    ...disguise?.(ledger),
  }
  const logs: SyncStore = {
    book: ledger.book,
    query: () => ledger.query(),
    standing: (origin) => ledger.standing(origin),
    commit: () => ledger.commit(),
    read: (sids) => ledger.read(sids),
    ...disguise?.(ledger),
  }
  const clock = new ManualClock(TEST_TIME + 7200)
  const folder = init.folder ?? (await temporaryFolder())
  const network = new Network(
    {
      crypto: nodeCrypto,
      clock,
      logger: createLogger('silent'),
      admission,
      logs,
      ...(init.trees === undefined ? {} : { trees: init.trees }),
      peerKeyFile: join(folder, 'peer.key'),
      anchorsFile: join(folder, 'anchors.json'),
    },
    { ...QUIET, ...options },
  )
  onTestFinished(() => network.stop())
  return {
    ledger,
    network,
    clock,
    address: () => network.addresses()[0] ?? '',
    publish: async (...statements) => {
      for (const { statement, bytes } of statements) {
        await ledger.put(bytes)
        await network.publish(statement, bytes)
      }
    },
  }
}

export async function startNode(init: TestNodeInit = {}): Promise<TestNode> {
  const node = await createNode(init)
  await node.network.start()
  return node
}

/** One node, and others that know only the way to it. */
export async function startStar(count: number, init: TestNodeInit = {}): Promise<TestNode[]> {
  const hub = await startNode(init)
  const options = { ...init.options, bootstrap: [hub.address()] }
  const others = await Promise.all(
    Array.from({ length: count - 1 }, () => startNode({ ...init, options })),
  )
  return [hub, ...others]
}
