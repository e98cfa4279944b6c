/**
 * What a seed decides before anything happens: who takes part, who is trusted, how much goes wrong.
 *
 * Fewer than k of the policy's operators lie, now and then; everything else may go wrong at once.
 */
import { hash } from 'node:crypto'
import type { KeyHex, OperatorId } from '../../protocol/identifiers.ts'
import type { Head } from '../../protocol/log/head.ts'
import { CARD_TAG, projectTag, type ProjectTag } from '../../protocol/log/leaf.ts'
import { parsePolicy, type Policy } from '../../protocol/policy.ts'
import type { Project } from '../../protocol/project.ts'
import type { StatementError } from '../../protocol/statement-error.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import {
  makeOperator,
  TEST_IMAGE,
  TEST_PROFILE,
  TEST_TIME,
  type TestOperator,
} from '../support/statements.ts'
import { EventQueue } from './event-queue.ts'
import { Ledger } from './ledger.ts'
import type { ProtocolCode } from './protocol-code.ts'
import { simCrypto } from './sim-crypto.ts'

export const HOUR = 3600
export const DAY = 24 * HOUR
/** Rounds are hours apart, so that days pass in few steps; the protocol does not care. */
export const INTERVAL = 4 * HOUR
export const MAX_AGE = 24 * HOUR
/** Heads may be dated so far ahead. */
export const SKEW = 600
export const START = TEST_TIME + 10 * DAY

/** What a seed may be told to have in it, whatever it would have chosen. */
export type Scenario =
  'any' | 'calm' | 'two-digests' | 'forks' | 'eclipse' | 'partition' | 'clocks' | 'crashes'

export type ForkKind = 'fork' | 'rewrite' | 'shrink' | 'misfiled' | 'after-seal'
export type LiarRole = 'liar' | 'retracting' | 'mute' | 'stale' | ForkKind
export const FORKS: readonly ForkKind[] = ['fork', 'rewrite', 'shrink', 'misfiled', 'after-seal']

export type PeerRole = 'mute' | 'stale' | 'forging' | 'lying' | 'flooding' | 'honest-looking'

export interface Plan {
  readonly threshold: number
  readonly honest: readonly TestOperator[]
  readonly liars: readonly { readonly operator: TestOperator; readonly role: LiarRole }[]
  readonly readers: number
  readonly peers: readonly PeerRole[]
  /** Whether a liar announces. */
  readonly evilAnnouncer: boolean
  readonly rounds: number
  readonly loss: number
  readonly doubling: number
  /** Longest way of a message, in seconds. */
  readonly delay: number
  readonly partitions: boolean
  readonly eclipse: boolean
  readonly crashes: boolean
  readonly backups: boolean
  readonly clockJumps: boolean
  /** After the healing, heads come by sync alone. */
  readonly silentHealing: boolean
}

function choosePlan(random: SeededRandom, scenario: Scenario): Plan {
  const is = (name: Scenario, chance: number): boolean =>
    scenario === name || (scenario === 'any' && random.chance(chance))
  const threshold = random.pick([2, 2, 3])
  const honest = Array.from({ length: threshold + random.integer(2) }, (_, i) =>
    makeOperator(`honest ${i}`),
  )
  const calm = is('calm', 0.1)
  const forks = is('forks', 0.4)
  const most = threshold - 1
  const count = calm ? 0 : scenario === 'any' ? random.integer(most + 1) : most
  const liars = Array.from({ length: count }, (_, i) => ({
    operator: makeOperator(`liar ${i}`),
    role: forks
      ? random.pick<LiarRole>([...FORKS, 'fork', 'rewrite'])
      : random.pick<LiarRole>(['liar', 'liar', 'retracting', 'mute', 'stale']),
  }))
  const peers: PeerRole[] = calm
    ? []
    : Array.from({ length: 1 + random.integer(2) }, () =>
        random.pick<PeerRole>(['mute', 'stale', 'forging', 'lying', 'flooding', 'honest-looking']),
      )
  if (forks && scenario === 'forks') peers[0] = 'honest-looking'
  const eclipse = !calm && is('eclipse', 0.2)
  return {
    threshold,
    honest,
    liars,
    readers: random.integer(2),
    peers,
    evilAnnouncer: liars.length > 0 && is('two-digests', 0.3),
    // An eclipse takes longer than heads keep fresh.
    rounds: eclipse ? 9 : 3 + random.integer(3),
    loss: calm ? 0 : random.pick([0, 0.1, 0.3, 0.6]),
    doubling: random.pick([0, 0.2]),
    delay: random.pick([1, 60, 1800]),
    partitions: !calm && is('partition', 0.4),
    eclipse,
    crashes: !calm && is('crashes', 0.4),
    backups: !calm && is('crashes', 0.15),
    clockJumps: !calm && is('clocks', 0.2),
    silentHealing: random.chance(0.6),
  }
}

export class World {
  readonly code: ProtocolCode
  readonly random: SeededRandom
  readonly queue = new EventQueue(START)
  readonly ledger = new Ledger()
  readonly plan: Plan
  readonly announcer: TestOperator
  readonly policy: Policy
  readonly projects: readonly Project[]
  /** The policy's operators, and the announcer. */
  readonly named: readonly OperatorId[]
  readonly honestIds: ReadonlySet<OperatorId>
  /** Tags of leaves whose statements everybody wants. */
  readonly tags: ReadonlySet<ProjectTag> = new Set([CARD_TAG, projectTag(TEST_IMAGE, simCrypto)])
  readonly #keys: ReadonlyMap<OperatorId, KeyHex>
  readonly #heads = new Map<string, Head>()
  readonly #trace = { length: 0, hash: 0x811c9dc5 }
  readonly trace: string[] | undefined

  constructor(code: ProtocolCode, seed: number, scenario: Scenario, traced: boolean) {
    this.code = code
    this.random = new SeededRandom(seed * 31 + scenario.length)
    this.trace = traced ? [] : undefined
    this.plan = choosePlan(this.random, scenario)
    const { honest, liars, threshold, evilAnnouncer } = this.plan
    const [first] = honest
    if (first === undefined) throw new Error('nobody is honest')
    this.announcer = (evilAnnouncer ? liars[0]?.operator : undefined) ?? first
    const operators = [...honest, ...liars.map(({ operator }) => operator)]
    this.policy = policyOf(threshold, operators)
    this.#keys = new Map(operators.map(({ id, key }) => [id, key.publicKey]))
    this.named = operators.map(({ id }) => id).sort()
    this.honestIds = new Set(honest.map(({ id }) => id))
    this.projects = [
      {
        image: TEST_IMAGE,
        platforms: ['linux/amd64'],
        source: 'git+https://git.example/project/app',
        announcers: [this.announcer.id],
        recipe: { builders: [{ name: 'buildah' }], dockerfile: 'Dockerfile', context: '.' },
        profile: TEST_PROFILE,
        insecure: [],
      },
    ]
  }

  ownerOf(key: KeyHex): OperatorId | undefined {
    return this.named.find((operator) => this.#keys.get(operator) === key)
  }

  keyOf(operator: OperatorId): KeyHex | undefined {
    return this.#keys.get(operator)
  }

  /** Opens a statement: the same bytes always give the same, so each is verified once. */
  open(bytes: Uint8Array): SignedStatement | StatementError {
    const { code } = this
    const known = opened.get(code) ?? new Map<string, SignedStatement | StatementError>()
    opened.set(code, known)
    const name = hash('sha256', bytes, 'binary')
    const answer = known.get(name)
    if (answer !== undefined) return answer
    let fresh: SignedStatement | StatementError
    try {
      fresh = code.openStatement(bytes, simCrypto)
    } catch (error) {
      if (!isStatementError(error)) throw error
      fresh = error
    }
    if (known.size > 5000) known.clear()
    known.set(name, fresh)
    return fresh
  }

  /** Opens a head, which comes to each node in the same bytes. Throws as openHead does. */
  openHead(bytes: Uint8Array): Head {
    const name = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    const known = this.#heads.get(name)
    if (known !== undefined) return known
    const head = this.code.openHead(bytes, simCrypto)
    this.#heads.set(name, head)
    return head
  }

  /** Notes what happened, so that two runs can be compared. */
  note(what: string): void {
    this.trace?.push(`${(this.queue.now - START).toFixed(1).padStart(10)} ${what}`)
    for (let i = 0; i < what.length; i++) {
      this.#trace.hash = Math.imul(this.#trace.hash ^ what.charCodeAt(i), 0x01000193)
    }
    this.#trace.length++
  }

  /** Of all that was noted. */
  get fingerprint(): string {
    return `${this.#trace.length}:${(this.#trace.hash >>> 0).toString(16)}`
  }
}

const opened = new WeakMap<ProtocolCode, Map<string, SignedStatement | StatementError>>()
const policies = new Map<string, Policy>()

function policyOf(threshold: number, operators: readonly TestOperator[]): Policy {
  const name = [threshold, ...operators.map(({ id }) => id)].join(' ')
  const known = policies.get(name)
  if (known !== undefined) return known
  const policy = parsePolicy(
    {
      threshold,
      max_dissent: threshold - 1,
      max_age: '24h',
      operator: operators.map(({ id }) => ({ id })),
    },
    simCrypto,
  )
  policies.set(name, policy)
  return policy
}

/** Of a copy of the code, whose classes are its own. */
function isStatementError(error: unknown): error is StatementError {
  return error instanceof Error && error.name === 'StatementError'
}
