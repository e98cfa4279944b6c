/**
 * What the evidence in the store says, and when that changes.
 *
 * The verdict itself is protocol/verdict: a pure function. This part knows which questions a new
 * statement can change, asks them again, and tells those who wait for a change.
 */
import type { Crypto } from '../protocol/crypto.ts'
import type { Digest, ImageName, Platform, Sid, UnixSeconds } from '../protocol/identifiers.ts'
import type { OperatorCard } from '../protocol/operator-card.ts'
import type { Policy } from '../protocol/policy.ts'
import type { Project } from '../protocol/project.ts'
import type { Release } from '../protocol/release.ts'
import type { SignedStatement } from '../protocol/statement.ts'
import type { Answer, Question } from '../protocol/verdict/answer.ts'
import { decideFor, type LastingAnswer } from '../protocol/verdict/decide.ts'
import type { LogView } from '../protocol/verdict/log-view.ts'
import { TallyEvidence, type EvidenceStore } from './tally-evidence.ts'
import { TallyPace } from './tally-pace.ts'

interface TallyStatements extends EvidenceStore {
  get(sid: Sid): Promise<{ readonly statement: SignedStatement } | undefined>
}

/** Answers that are kept while nothing that they stand on changes. */
const MAX_KEPT_ANSWERS = 1_000

export interface TallyComponents {
  readonly statements: TallyStatements
  readonly policy: () => Policy
  readonly projects: () => readonly Project[]
  /** True while statements may be missing that were here before: nothing is allowed then. */
  readonly incomplete: () => boolean
  /** The logs as they are now. */
  readonly view: () => LogView
  /** The time that heads and cards are judged by; it never goes back. */
  readonly now: () => UnixSeconds
  readonly crypto: Crypto
  /** Called once for each answer that differs from the one before; the next waits for it. */
  readonly changed: (answer: Answer) => Promise<void>
  /** Called with whatever asking or telling throws: the tally goes on. */
  readonly failed: (error: unknown) => void
}

/** One published manifest of one release of a followed project. */
export interface PublishedManifest extends Question {
  readonly release: Sid
  readonly version: string
}

export function isRelease(statement: SignedStatement): statement is SignedStatement<Release> {
  return statement.body.kind === 'release'
}

function questionKey(question: Question): string {
  return `${question.repository}@${question.digest} ${question.platform}`
}

/** Statements of which this is the same can change the same answers. */
function touchOf({ sid, body }: SignedStatement): string {
  switch (body.kind) {
    case 'operator':
      return `${body.kind} ${body.operator}`
    case 'release':
      return `${body.kind} ${body.image}`
    case 'commitment':
      return `${body.kind} ${body.image} ${body.platform}`
    case 'rebuild': {
      const { kind, image, platform, release, publishedDigest = '' } = body
      return `${kind} ${image} ${platform} ${release} ${publishedDigest}`
    }
    case 'withdrawal':
      return `${body.kind} ${sid}`
  }
}

/** What was lost in a crash could be the dissent. */
function heldBack(answer: Answer): Answer {
  const reason =
    'This node was not stopped in order and may have lost statements: it allows nothing until a peer has given them back.'
  return {
    ...answer,
    decision: 'undecided',
    flags: [...new Set([...answer.flags, 'stale' as const])],
    reasons: [reason, ...answer.reasons],
  }
}

/** What of an answer is worth telling anew. */
function gist(answer: Answer): string {
  const { verdict, decision, have, flags, version } = answer
  const named = (voices: Answer['supporters']): string[] => voices.map(({ operator }) => operator)
  return JSON.stringify([
    verdict,
    decision,
    have,
    flags,
    version,
    named(answer.supporters),
    named(answer.dissenters),
    named(answer.unreproduced),
  ])
}

/** All that an answer stands on, beside the question and the time. */
interface Grounds {
  readonly revision: string
  readonly policy: Policy
  readonly projects: readonly Project[]
  readonly view: LogView
}

/** An answer that is kept. Time alone does not change it from `answer.asOf` on until `holdsUntil`. */
interface KeptAnswer extends LastingAnswer {
  readonly grounds: Grounds
}

function areSame(a: Grounds, b: Grounds): boolean {
  return (
    a.revision === b.revision &&
    a.policy === b.policy &&
    a.view === b.view &&
    a.projects.length === b.projects.length &&
    a.projects.every((project, i) => project === b.projects[i])
  )
}

export class Tally {
  readonly #components: TallyComponents
  readonly #evidence: TallyEvidence
  /** The oldest comes first. */
  readonly #answers = new Map<string, KeptAnswer>()
  /** By the releases that published them, for as long as these are kept. */
  readonly #published = new WeakMap<readonly object[], readonly PublishedManifest[]>()
  readonly #touched: SignedStatement[] = []
  readonly #last = new Map<string, string>()
  readonly #dirty = new Map<string, Question>()
  #work: Promise<void> = Promise.resolve()
  readonly #pace = new TallyPace()
  #stopped = false

  constructor(components: TallyComponents) {
    this.#components = components
    this.#evidence = new TallyEvidence(components)
  }

  /** The answer from what is stored now. */
  async answer(question: Question): Promise<Answer> {
    const { incomplete } = this.#components
    const answer = await this.#decided(question)
    return incomplete() && answer.decision === 'allow' ? heldBack(answer) : answer
  }

  async #decided(question: Question): Promise<Answer> {
    const { policy: readPolicy, now: readNow, crypto } = this.#components
    const key = questionKey(question)
    const policy = readPolicy()
    const kept = this.#keptAnswer(key, this.#grounds(question, policy))
    if (kept !== undefined) return kept
    const { revision } = this.#grounds(question, policy)
    const evidence = await this.#evidence.about(question, policy)
    // What is not read from the disk is as it is now, and the same for the answer and its grounds.
    const grounds = { ...this.#grounds(question, policy), revision }
    const decided = decideFor({ ...grounds, now: readNow(), question, ...evidence, crypto })
    this.#answers.delete(key)
    this.#answers.set(key, { grounds, ...decided })
    const [oldest] = this.#answers.keys()
    if (oldest !== undefined && this.#answers.size > MAX_KEPT_ANSWERS) this.#answers.delete(oldest)
    return decided.answer
  }

  /** What would be answered now, where that is known without looking. */
  #keptAnswer(key: string, grounds: Grounds): Answer | undefined {
    const kept = this.#answers.get(key)
    if (kept === undefined || !areSame(kept.grounds, grounds)) return undefined
    const now = this.#components.now()
    const { answer, holdsUntil } = kept
    // A clock may go back a little: nothing is known of the time before.
    return answer.asOf <= now && now < holdsUntil ? { ...answer, asOf: now } : undefined
  }

  #grounds(question: Question, policy: Policy): Grounds {
    const { projects, view } = this.#components
    return {
      revision: this.#evidence.revisionOf(question, policy),
      policy,
      projects: projects(),
      view: view(),
    }
  }

  /** Every published manifest of the releases of one image. */
  async published(image: ImageName): Promise<readonly PublishedManifest[]> {
    const releases = await this.#evidence.releasesOf(image)
    const known = this.#published.get(releases)
    if (known !== undefined) return known
    const published = releases.flatMap(({ sid, body }) =>
      body.platforms.flatMap(({ platform, manifestDigest }) =>
        manifestDigest === undefined
          ? []
          : [
              {
                repository: image,
                digest: manifestDigest,
                platform,
                release: sid,
                version: body.version,
              },
            ],
      ),
    )
    this.#published.set(releases, published)
    return published
  }

  /** Asks again what this statement can change. Returns at once; `idle` waits. */
  touch(statement: SignedStatement): void {
    this.#touched.push(statement)
    this.#pace.came()
    // Those that come while others are looked at are looked at together.
    if (this.#touched.length > 1) return
    this.#enqueue()
  }

  /** Asks everything of these images again: a policy, a project or a card has changed. */
  touchImages(images: Iterable<ImageName>): void {
    for (const image of images) {
      this.#enqueue(async () => {
        if (this.#stopped) return
        for (const question of await this.published(image)) {
          this.#dirty.set(questionKey(question), question)
        }
      })
    }
  }

  /** Ends after the question at hand: what was to be asked again is asked at the next start. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#pace.stop()
    await this.#work
  }

  /** Resolves once everything that was touched has been asked and told. */
  async idle(): Promise<void> {
    await this.#pace.hurry(() => this.#work)
  }

  async #touchedBy({ body, sid }: SignedStatement): Promise<readonly Question[]> {
    if (body.kind === 'operator') {
      if (!this.#isOfNamed(body)) return []
      const images = this.#components.projects().map(({ image }) => image)
      return (await Promise.all(images.map((image) => this.published(image)))).flat()
    }
    const all = await this.published(body.image)
    if (body.kind === 'release') return all
    if (body.kind === 'commitment') return all.filter((q) => q.platform === body.platform)
    if (body.kind === 'rebuild') {
      const digests = new Set<Digest>(
        body.publishedDigest === undefined ? [] : [body.publishedDigest],
      )
      return this.#ofPlatform(all, body.platform, body.release, digests)
    }
    const withdrawn = (await this.#components.statements.get(body.withdraws))?.statement
    if (withdrawn === undefined || withdrawn.sid === sid) return []
    return withdrawn.body.kind === 'withdrawal' ? [] : this.#touchedBy(withdrawn)
  }

  /** Whether a card can change an answer: no other operator's is looked at. */
  #isOfNamed({ operator }: OperatorCard): boolean {
    const { policy, projects } = this.#components
    return (
      policy().operators.some(({ id }) => id === operator) ||
      projects().some(({ announcers }) => announcers.includes(operator))
    )
  }

  #ofPlatform(
    all: readonly PublishedManifest[],
    platform: Platform,
    release: Sid,
    digests: ReadonlySet<Digest>,
  ): readonly Question[] {
    const own = all.filter((manifest) => manifest.release === release).map(({ digest }) => digest)
    const wanted = new Set([...digests, ...own])
    // A blind release's votes meet those of the release that publishes it: ask all of the platform.
    return all.filter((q) => q.platform === platform && (wanted.size === 0 || wanted.has(q.digest)))
  }

  #enqueue(first: () => Promise<void> = () => Promise.resolve()): void {
    this.#work = this.#work
      .then(first)
      .then(() => this.#drain())
      .catch((error: unknown) => this.#components.failed(error))
  }

  /** What all that has come can change; of what changes the same, one is looked at. */
  async #collect(): Promise<void> {
    const seen = new Set<string>()
    for (const each of this.#touched.splice(0)) {
      if (this.#stopped) return
      const name = touchOf(each)
      if (seen.has(name)) continue
      seen.add(name)
      try {
        for (const question of await this.#touchedBy(each)) {
          this.#dirty.set(questionKey(question), question)
        }
      } catch (error) {
        this.#components.failed(error)
      }
    }
  }

  async #drain(): Promise<void> {
    for (;;) {
      const more = await this.#pace.pace(async () => {
        // What came in a rest may touch the same questions.
        await this.#collect()
        return this.#askNext()
      })
      if (!more) return
    }
  }

  /** Asks the question that has waited longest; false where none does. */
  async #askNext(): Promise<boolean> {
    const [next] = this.#dirty
    if (next === undefined || this.#stopped) return false
    const [key, question] = next
    this.#dirty.delete(key)
    const answer = await this.answer(question)
    const now = gist(answer)
    if (this.#last.get(key) === now) return true
    this.#last.set(key, now)
    await this.#components.changed(answer)
    return true
  }
}
