/**
 * Where trusted operators do not agree with one another, or with the registry, this node finds out
 * by itself in which files, and keeps that beside the verdict: who is woken by it can look at once.
 *
 * One comparison at a time. What no connected peer can answer is tried again when another peer
 * comes, and now and then. A report that has been made is not made again.
 */
import type { Difference } from '../protocol/normalize/diff.ts'
import type { ImageDigests, Rebuild } from '../protocol/rebuild.ts'
import type { SignedStatement } from '../protocol/statement.ts'
import type { Answer, Question } from '../protocol/verdict/answer.ts'
import { compareTrees, levelDigest, type TreeParts, type VotingLevel } from './compare-trees.ts'
import type { Logger } from './logger.ts'
import type { Store } from './store/store.ts'

export interface Divergence {
  /** `published`, or the operators that got it. */
  readonly a: readonly string[]
  readonly b: readonly string[]
  readonly digestA: string
  readonly digestB: string
  readonly count: number
  readonly differences: readonly Difference[]
  readonly received: number
}

export interface DivergencesComponents {
  readonly parts: TreeParts
  readonly store: Pick<Store, 'statements' | 'verdicts' | 'readOnly'>
  readonly logger: Logger
  /** Called when a report has been made. */
  readonly found: (answer: Answer) => void
}

interface Camp {
  readonly digest: string
  readonly digests: ImageDigests
  readonly profile: string
  readonly level: VotingLevel
  readonly who: string[]
}

const BAD: ReadonlySet<string> = new Set(['diverged', 'contradicted'])
const PUBLISHED = 'published'
const MAX_WAITING = 64
const MAX_PAIRS = 3
const MAX_LISTED = 200
const RETRY_MS = 600_000
const SETTLE_MS = 5_000
const TIMEOUT_MS = 300_000

export class Divergences {
  readonly #components: DivergencesComponents
  /** By question, what could not be compared yet. */
  readonly #waiting = new Map<string, Answer>()
  readonly #stopping = new AbortController()
  #work: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #settling: NodeJS.Timeout | undefined

  constructor(components: DivergencesComponents) {
    this.#components = components
  }

  start(): void {
    this.#timer = setInterval(() => this.retry(), RETRY_MS)
    this.#timer.unref()
    this.retry()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    clearTimeout(this.#settling)
    this.#stopping.abort()
    await this.#work
  }

  /** Takes note of an answer. Returns at once. */
  consider(answer: Answer): void {
    const key = keyOf({ ...answer, repository: answer.image })
    this.#waiting.delete(key)
    if (!BAD.has(answer.verdict) || this.#waiting.size >= MAX_WAITING) return
    this.#waiting.set(key, answer)
    if (this.#components.parts.network !== undefined) this.retry()
  }

  /** Somebody may be here now who has what is missing. */
  retry(): void {
    this.#work = this.#work.then(() => this.#compareWaiting())
  }

  /** A peer has come: it says what it speaks a moment later. */
  peerConnected(): void {
    if (this.#waiting.size === 0 || this.#settling !== undefined) return
    this.#settling = setTimeout(() => {
      this.#settling = undefined
      this.retry()
    }, SETTLE_MS)
    this.#settling.unref()
  }

  /** Resolves once all that was begun is done. */
  async idle(): Promise<void> {
    await this.#work
  }

  /** What was found about a published manifest; nothing where nobody disagreed or no tree came. */
  async of(question: Question): Promise<readonly Divergence[]> {
    return ((await this.#components.store.verdicts.get(keyOf(question))) ??
      []) as readonly Divergence[]
  }

  async #compareWaiting(): Promise<void> {
    const { logger } = this.#components
    for (const [key, answer] of [...this.#waiting]) {
      if (this.#stopping.signal.aborted) return
      try {
        if (await this.#compare(key, answer)) this.#waiting.delete(key)
      } catch (error) {
        logger.debug(
          { image: answer.image, error: String(error) },
          'a divergence could not be compared yet',
        )
      }
    }
  }

  /** True where nothing is left to compare. */
  async #compare(key: string, answer: Answer): Promise<boolean> {
    const { parts, store, found } = this.#components
    const [base, ...others] = await this.#camps(answer)
    if (base === undefined) return true
    const known = (await this.of({ ...answer, repository: answer.image })).filter(
      ({ digestA }) => digestA === base.digest,
    )
    const reports: Divergence[] = []
    let failed: unknown
    for (const other of others.slice(0, MAX_PAIRS)) {
      const sides = { a: base.who, b: other.who, digestA: base.digest, digestB: other.digest }
      const before = known.find(({ digestB }) => digestB === other.digest)
      if (before !== undefined) {
        reports.push({ ...before, ...sides })
        continue
      }
      const signal = AbortSignal.any([this.#stopping.signal, AbortSignal.timeout(TIMEOUT_MS)])
      try {
        const { profile, level } = base
        const question = {
          profile,
          level,
          a: base.digests,
          b: other.digests,
          maxListed: MAX_LISTED,
        } as const
        const { count, differences, moved } = await compareTrees(parts, question, signal)
        reports.push({ ...sides, count, differences, received: moved.received })
      } catch (error) {
        failed = error
      }
    }
    if (reports.length > 0 && !store.readOnly) {
      await store.verdicts.put(key, reports)
      found(answer)
    }
    if (failed !== undefined) throw failed as Error
    return true
  }

  /** The images that there are, what was published first. */
  async #camps(answer: Answer): Promise<readonly Camp[]> {
    const voices = [...answer.supporters, ...answer.dissenters]
    const camps = new Map<string, Camp>()
    const voted: { digests: ImageDigests; level: VotingLevel; profile: string; who: string }[] = []
    for (const { operator, sids, vote } of voices) {
      if (vote.kind !== 'digest') continue
      for (const sid of sids) {
        const statement = (await this.#components.store.statements.get(sid))?.statement
        if (statement === undefined || !isRebuild(statement)) continue
        const { outcome, published, profile } = statement.body
        if (outcome.kind !== 'built') continue
        const level = levelOf(outcome.rebuilt, vote.digest)
        if ('manifestDigest' in published && published.manifestDigest === answer.digest) {
          join(camps, published, level, profile, PUBLISHED)
        }
        voted.push({ digests: outcome.rebuilt, level, profile, who: operator })
      }
    }
    for (const { digests, level, profile, who } of voted) join(camps, digests, level, profile, who)
    return [...camps.values()]
  }
}

function join(
  camps: Map<string, Camp>,
  digests: ImageDigests,
  level: VotingLevel,
  profile: string,
  who: string,
): void {
  const digest = levelDigest(digests, level)
  if (typeof digest !== 'string') return
  const camp = camps.get(digest) ?? { digest, digests, profile, level, who: [] }
  if (!camp.who.includes(who)) camp.who.push(who)
  camps.set(digest, camp)
}

function levelOf({ rootfsDigest }: ImageDigests, vote: string): VotingLevel {
  return vote === rootfsDigest ? 'rootfs' : 'normalized'
}

function isRebuild(statement: SignedStatement): statement is SignedStatement<Rebuild> {
  return statement.body.kind === 'rebuild'
}

function keyOf({ repository, digest, platform }: Question): string {
  return `divergence ${repository}@${digest} ${platform}`
}
