/**
 * Nodes that share nothing but the network: a real LevelDB store and real TCP on loopback for each.
 * What node/node.ts makes of store and policy is here the least that a network needs.
 */
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { createLogger } from '../../node/logger.ts'
import type {
  Acceptance,
  Admission,
  Origin,
  StatementSource,
  SyncWants,
} from '../../node/network/admission.ts'
import { Network, type NetworkOptions } from '../../node/network/network.ts'
import type { TreeSource } from '../../node/network/trees/serve.ts'
import type { Store } from '../../node/store/store.ts'
import { toHex } from '../../protocol/bytes.ts'
import type { CreatedStatement } from '../../protocol/create-statement.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import { ManualClock } from './manual-clock.ts'
import { TEST_IMAGE, TEST_TIME } from './statements.ts'
import { temporaryFolder, temporaryStore } from './temporary-store.ts'

/** The store as the network sees it, and what came in. */
export class TestLedger implements Admission, StatementSource {
  readonly store: Store
  /** What was offered, in order, and how it came. */
  readonly offers: { readonly sid: string; readonly origin: Origin }[] = []
  /** Signers that are not on any card. */
  readonly strangers = new Set<string>()
  readonly #hashes = new Set<string>()
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

  async accept(statement: SignedStatement, bytes: Uint8Array, origin: Origin): Promise<Acceptance> {
    this.offers.push({ sid: statement.sid, origin })
    return (await this.put(bytes)) === 'stored' ? 'stored' : 'duplicate'
  }

  async put(bytes: Uint8Array): Promise<'stored' | 'known'> {
    this.#hashes.add(toHex(nodeCrypto.sha256(bytes)))
    return this.store.statements.put(bytes)
  }

  wants(): SyncWants {
    return this.#wants
  }

  follow(wants: SyncWants): void {
    this.#wants = wants
  }

  async listSids(
    wants: SyncWants,
    after: string | undefined,
    limit: number,
  ): Promise<readonly string[]> {
    const cards = await this.store.statements.cards()
    const about = await this.store.statements.sids(wants.images)
    const signers = new Set<string>()
    for (const sid of about) {
      const stored = await this.store.statements.get(sid)
      if (stored !== undefined) signers.add(stored.statement.key)
    }
    const wanted = cards.filter(
      ({ body }) =>
        wants.operators.includes(body.operator) || body.keys.some((key) => signers.has(key)),
    )
    return [...about, ...wanted.map((card) => card.sid)]
      .sort()
      .filter((sid) => after === undefined || sid > after)
      .slice(0, limit)
  }

  async has(sid: string): Promise<boolean> {
    return this.store.statements.has(sid)
  }

  async read(sid: string): Promise<Uint8Array | undefined> {
    return (await this.store.statements.get(sid))?.bytes
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
  readonly disguise?: (ledger: TestLedger) => Partial<Admission & StatementSource>
  /** Where its peer key is; a node that comes back keeps it. */
  readonly folder?: string
  readonly ledger?: TestLedger
  /** Trees that it serves. */
  readonly trees?: TreeSource
}

export const FOLLOWS_TEST_IMAGE: SyncWants = { images: [TEST_IMAGE], operators: [] }
export const WANTS_NOTHING: SyncWants = { images: [], operators: [] }

/** A node with a store of its own that has not started; it is stopped when the test ends. */
export async function createNode(init: TestNodeInit = {}): Promise<TestNode> {
  const { wants = FOLLOWS_TEST_IMAGE, options = {}, disguise } = init
  const ledger = init.ledger ?? new TestLedger(await temporaryStore(), wants)
  const seen: Admission & StatementSource = {
    isKnownMessage: (hash) => ledger.isKnownMessage(hash),
    kindOf: (sid) => ledger.kindOf(sid),
    admitsSigner: (key) => ledger.admitsSigner(key),
    accept: (statement, bytes, origin) => ledger.accept(statement, bytes, origin),
    wants: () => ledger.wants(),
    listSids: (...asked) => ledger.listSids(...asked),
    has: (sid) => ledger.has(sid),
    read: (sid) => ledger.read(sid),
    ...disguise?.(ledger),
  }
  const clock = new ManualClock(TEST_TIME + 7200)
  const network = new Network(
    {
      crypto: nodeCrypto,
      clock,
      logger: createLogger('silent'),
      admission: seen,
      statements: seen,
      ...(init.trees === undefined ? {} : { trees: init.trees }),
      peerKeyFile: join(init.folder ?? (await temporaryFolder()), 'peer.key'),
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
