/**
 * The referee's own count: whose word stands under a head that is here, and who is complete and
 * fresh. It shares no code with the tally or the log view.
 */
import type { OperatorId } from '../../protocol/identifiers.ts'
import type { Head } from '../../protocol/log/head.ts'
import type { Rebuild } from '../../protocol/rebuild.ts'
import type { Release } from '../../protocol/release.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import type { SimNode } from './sim-node.ts'
import { MAX_AGE, SKEW, type World } from './world.ts'

/** A head that a node keeps, with what really stands under it. */
export interface Shown {
  readonly head: Head
  /** Hex. */
  readonly leaves: readonly string[]
}

/** What the referee knows of one node's logs. */
export interface Evidence {
  readonly logs: readonly Shown[]
  /** Operator and sid of every leaf under a kept head. */
  readonly counted: ReadonlySet<string>
  readonly proven: ReadonlySet<OperatorId>
}

/** What counts of the statements that are here. */
export interface VoteIndex {
  readonly releases: readonly SignedStatement<Release>[]
  /** Of each operator that is believed, its live rebuilds. */
  readonly ballots: readonly {
    readonly operator: OperatorId
    readonly rebuilds: readonly Rebuild[]
  }[]
}

export function indexVotes(world: World, node: SimNode, { counted, proven }: Evidence): VoteIndex {
  const { announcer, policy } = world
  const all = [...node.statements.values()].map(({ statement }) => statement)
  // Whose key it is, only a card says.
  const carded = new Set(all.flatMap(({ body }) => (body.kind === 'operator' ? body.operator : [])))
  const ownOf = (operator: OperatorId): SignedStatement[] =>
    !carded.has(operator)
      ? []
      : all.filter(
          ({ sid, key }) => key === world.keyOf(operator) && counted.has(`${operator} ${sid}`),
        )
  return {
    releases: ownOf(announcer.id).filter(isRelease),
    ballots: policy.operators
      .filter(({ id }) => !proven.has(id))
      .map(({ id: operator }) => {
        const own = ownOf(operator)
        const dead = new Set(
          own.flatMap(({ body }) => {
            if (body.kind === 'rebuild') return body.supersedes
            return body.kind === 'withdrawal' ? [body.withdraws] : []
          }),
        )
        const live = own.filter(isRebuild).filter(({ sid }) => !dead.has(sid))
        return { operator, rebuilds: live.map(({ body }) => body) }
      }),
  }
}

export class Referee {
  readonly #world: World
  readonly #node: SimNode
  readonly #evidence: Evidence
  readonly #index: VoteIndex

  constructor(world: World, node: SimNode, evidence: Evidence, index: VoteIndex) {
    this.#world = world
    this.#node = node
    this.#evidence = evidence
    this.#index = index
  }

  /**
   * Each operator's one live word about D as an image of this version, where it has one: what came
   * out, and what D is.
   */
  voters(digest: string, version: string): Vote[] {
    const releases = new Set(
      this.#index.releases
        .filter(
          ({ body }) =>
            body.version === version &&
            body.platforms.some(({ manifestDigest }) => manifestDigest === digest),
        )
        .map(({ sid }) => sid),
    )
    return this.#index.ballots.flatMap(({ operator, rebuilds }) => {
      const votes = rebuilds
        .filter(({ release }) => releases.has(release))
        .map((rebuild) => voteOf(operator, rebuild))
      const [first, ...others] = votes
      const same = others.every(
        (vote) => vote.built === first?.built && vote.mapped === first.mapped,
      )
      return first !== undefined && same ? [first] : []
    })
  }

  /** Whether all that an operator said up to a recent time is here. */
  isFresh(id: OperatorId): boolean {
    const { logs, proven } = this.#evidence
    const newest = newestOf(id, logs)
    if (newest === undefined || proven.has(id)) return false
    const { now } = this.#node
    const { time } = newest.head
    if (now - time >= MAX_AGE || time - now > SKEW) return false
    return logs
      .filter(({ head }) => head.origin.operator === id)
      .every(({ leaves }) => leaves.every((leaf) => this.#isHere(leaf)))
  }

  /** Operators of the policy that are not fresh. */
  silent(): OperatorId[] {
    return this.#world.named.filter((id) => !this.isFresh(id))
  }

  /** Operators of the policy whose heads are held, as dated ahead of this node's clock. */
  ahead(): Set<OperatorId> {
    const { book, now } = this.#node
    const held = book.held().filter(({ time }) => time > now + SKEW)
    return new Set(
      held
        .map(({ origin }) => origin.operator)
        .filter((operator) => this.#world.named.includes(operator)),
    )
  }

  #isHere(leaf: string): boolean {
    const isWanted = leaf.startsWith('01') && this.#world.tags.has(leaf.slice(66))
    return !isWanted || this.#node.statements.has(leaf.slice(2, 66))
  }
}

export interface Vote {
  readonly operator: OperatorId
  readonly built: string
  readonly mapped: string
}

function voteOf(operator: OperatorId, { outcome, published }: Rebuild): Vote {
  return {
    operator,
    built:
      outcome.kind === 'built' ? JSON.stringify(outcome.rebuilt.normalizedDigest) : outcome.kind,
    mapped: 'normalizedDigest' in published ? JSON.stringify(published.normalizedDigest) : '',
  }
}

/** How many are in the largest group that says one thing. */
export function largestGroup(votes: readonly Vote[], by: 'built' | 'mapped'): number {
  const sizes = new Map<string, number>()
  for (const vote of votes) sizes.set(vote[by], (sizes.get(vote[by]) ?? 0) + 1)
  return Math.max(0, ...sizes.values())
}

/** The largest kept head of an operator's last log. */
export function newestOf(id: OperatorId, logs: readonly Shown[]): Shown | undefined {
  const own = logs.filter(({ head }) => head.origin.operator === id)
  return own.sort((a, b) => b.head.origin.n - a.head.origin.n)[0]
}

export function isRelease(statement: SignedStatement): statement is SignedStatement<Release> {
  return statement.body.kind === 'release'
}

function isRebuild(statement: SignedStatement): statement is SignedStatement<Rebuild> {
  return statement.body.kind === 'rebuild'
}
