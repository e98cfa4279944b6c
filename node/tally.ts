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
import { decide } from '../protocol/verdict/decide.ts'
import type { LogView } from '../protocol/verdict/log-view.ts'

interface TallyStatements {
  get(sid: Sid): Promise<{ readonly statement: SignedStatement } | undefined>
  ofImage(image: ImageName): Promise<readonly SignedStatement[]>
  cards(): Promise<readonly SignedStatement<OperatorCard>[]>
}

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

export class Tally {
  readonly #components: TallyComponents
  readonly #last = new Map<string, string>()
  readonly #dirty = new Map<string, Question>()
  #work: Promise<void> = Promise.resolve()

  constructor(components: TallyComponents) {
    this.#components = components
  }

  /** The answer from what is stored now. */
  async answer(question: Question): Promise<Answer> {
    const { statements, policy, projects, incomplete, view, now, crypto } = this.#components
    const mapped = policy().images.flatMap(({ repository }) => repository ?? [])
    const images = new Set([question.repository, ...mapped])
    const found = await Promise.all([...images].map((image) => statements.ofImage(image)))
    const answer = decide({
      question,
      statements: [...found.flat(), ...(await statements.cards())],
      projects: projects(),
      policy: policy(),
      view: view(),
      now: now(),
      crypto,
    })
    return incomplete() && answer.decision === 'allow' ? heldBack(answer) : answer
  }

  /** Every published manifest of the releases of one image. */
  async published(image: ImageName): Promise<readonly PublishedManifest[]> {
    const releases = (await this.#components.statements.ofImage(image)).filter(isRelease)
    return releases.flatMap(({ sid, body }) =>
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
  }

  /** Asks again what this statement can change. Returns at once; `idle` waits. */
  touch(statement: SignedStatement): void {
    this.#enqueue(async () => {
      for (const question of await this.#touchedBy(statement)) {
        this.#dirty.set(questionKey(question), question)
      }
    })
  }

  /** Asks everything of these images again: a policy, a project or a card has changed. */
  touchImages(images: Iterable<ImageName>): void {
    for (const image of images) {
      this.#enqueue(async () => {
        for (const question of await this.published(image)) {
          this.#dirty.set(questionKey(question), question)
        }
      })
    }
  }

  /** Resolves once everything that was touched has been asked and told. */
  async idle(): Promise<void> {
    await this.#work
  }

  async #touchedBy({ body, sid }: SignedStatement): Promise<readonly Question[]> {
    if (body.kind === 'operator') {
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

  #enqueue(collect: () => Promise<void>): void {
    this.#work = this.#work
      .then(collect)
      .then(() => this.#drain())
      .catch((error: unknown) => this.#components.failed(error))
  }

  async #drain(): Promise<void> {
    for (const [key, question] of this.#dirty) {
      this.#dirty.delete(key)
      const answer = await this.answer(question)
      const now = gist(answer)
      if (this.#last.get(key) === now) continue
      this.#last.set(key, now)
      await this.#components.changed(answer)
    }
  }
}
