/**
 * What of the store one question needs, and no more.
 *
 * A verdict looks at the releases with a commit of which one published the asked digest, at the outlines
 * of all others of the image, and at the results of the build inputs that published the digest: of a
 * million other results none can change it. What was read is kept until more is stored, and only then;
 * an answer from here is the one that all statements of the image would give.
 */
import type { Crypto } from '../protocol/crypto.ts'
import type { Commitment } from '../protocol/blind/commitment.ts'
import type { ImageName, InputDigest, Sid } from '../protocol/identifiers.ts'
import { inputDigestIn } from '../protocol/input-digest.ts'
import type { OperatorCard } from '../protocol/operator-card.ts'
import { rulesFor, type Policy } from '../protocol/policy.ts'
import type { Rebuild } from '../protocol/rebuild.ts'
import type { Release, SignedOutline } from '../protocol/release.ts'
import type { SignedStatement, StatementKind } from '../protocol/statement.ts'
import type { Question } from '../protocol/verdict/answer.ts'
import type { Withdrawal } from '../protocol/withdrawal.ts'

export interface EvidenceStore {
  outlines(image: ImageName): Promise<readonly SignedOutline[]>
  /** Those of these that are here, in their order. */
  present(sids: readonly Sid[]): Promise<readonly { readonly statement: SignedStatement }[]>
  ofImage(image: ImageName, kind: 'withdrawal'): Promise<readonly SignedStatement<Withdrawal>[]>
  ofInput(input: InputDigest): Promise<readonly SignedStatement<Rebuild | Commitment>[]>
  cards(): Promise<readonly SignedStatement<OperatorCard>[]>
  /** Changes when more of these kinds is stored about the image; cards have the empty name. */
  revisionOf(image: ImageName, ...kinds: readonly StatementKind[]): string
}

export interface EvidenceComponents {
  readonly statements: EvidenceStore
  readonly crypto: Crypto
}

/** Some 4 KB each. */
const MAX_KEPT_STATEMENTS = 20_000
/** Some 600 bytes: each question about an image needs all of them. */
const OUTLINES_A_STATEMENT = 6
const CARDS: ImageName = ''
const VOTES: readonly StatementKind[] = ['rebuild', 'commitment']

interface Kept {
  readonly revision: string
  readonly statements: readonly unknown[]
  /** As so many statements. */
  readonly weight: number
}

/** As decide() is given them. */
export interface Evidence {
  readonly statements: readonly SignedStatement[]
  readonly outlines: readonly SignedOutline[]
}

export class TallyEvidence {
  readonly #components: EvidenceComponents
  /** The least recently used comes first. */
  readonly #kept = new Map<string, Kept>()
  #size = 0

  constructor(components: EvidenceComponents) {
    this.#components = components
  }

  /** Every release of an image, in outline. */
  releasesOf(image: ImageName): Promise<readonly SignedOutline[]> {
    const { statements } = this.#components
    return this.#keep(
      `releases ${image}`,
      statements.revisionOf(image, 'release'),
      () => statements.outlines(image),
      OUTLINES_A_STATEMENT,
    )
  }

  /** All that a verdict on this question may look at. */
  async about(question: Question, policy: Policy): Promise<Evidence> {
    const { statements } = this.#components
    const { repository = question.repository } = rulesFor(policy, question.repository)
    const images = [...new Set([question.repository, repository])]
    const outlines = (await Promise.all(images.map((image) => this.releasesOf(image)))).flat()
    const releases = await this.#wholeOf(outlines, images, question)
    const inputs = this.#inputsOf(releases, question)
    const parts = await Promise.all([
      this.#keep('cards', statements.revisionOf(CARDS, 'operator'), () => statements.cards()),
      ...mappedImages(question, policy).map((image) =>
        this.#keep(`withdrawals ${image}`, statements.revisionOf(image, 'withdrawal'), () =>
          statements.ofImage(image, 'withdrawal'),
        ),
      ),
      ...inputs.map((input) =>
        this.#keep(
          `votes ${input} ${images.join(' ')}`,
          images.map((image) => statements.revisionOf(image, ...VOTES)).join(' '),
          () => statements.ofInput(input),
        ),
      ),
    ])
    return { statements: [...releases, ...parts.flat()], outlines }
  }

  /** What `about` would give is the same for as long as this is. */
  revisionOf(question: Question, policy: Policy): string {
    const { statements } = this.#components
    const images = mappedImages(question, policy).map((image) =>
      statements.revisionOf(image, 'release', 'withdrawal', ...VOTES),
    )
    return [statements.revisionOf(CARDS, 'operator'), ...images].join(' ')
  }

  /** The releases themselves that have a commit of which one published the digest. */
  #wholeOf(
    outlines: readonly SignedOutline[],
    images: readonly ImageName[],
    { digest, platform }: Question,
  ): Promise<readonly SignedStatement<Release>[]> {
    const { statements } = this.#components
    const commits = new Set(
      outlines
        .filter(({ body }) =>
          body.platforms.some(
            (each) => each.platform === platform && each.manifestDigest === digest,
          ),
        )
        .map(({ body }) => body.source.commit),
    )
    const sids = outlines
      .filter(({ body }) => commits.has(body.source.commit))
      .map(({ sid }) => sid)
    const revision = images.map((image) => statements.revisionOf(image, 'release')).join(' ')
    return this.#keep(`whole ${sids.join(' ')}`, revision, async () => {
      const found = await statements.present(sids)
      return found.map(({ statement }) => statement as SignedStatement<Release>)
    })
  }

  /** The build inputs of which some release published the digest: only there are votes about it. */
  #inputsOf(
    releases: readonly SignedStatement<Release>[],
    { digest, platform }: Question,
  ): readonly InputDigest[] {
    const inputs = releases.flatMap(({ body }) => {
      const asked = body.platforms.find((each) => each.platform === platform)
      if (asked?.manifestDigest !== digest) return []
      return [inputDigestIn(body, platform, this.#components.crypto)]
    })
    return [...new Set(inputs)]
  }

  async #keep<S>(
    name: string,
    revision: string,
    read: () => Promise<readonly S[]>,
    /** How many of what is read take the room of a statement. */
    perStatement = 1,
  ): Promise<readonly S[]> {
    const kept = this.#kept.get(name)
    if (kept !== undefined) {
      this.#kept.delete(name)
      if (kept.revision === revision) {
        this.#kept.set(name, kept)
        return kept.statements as readonly S[]
      }
      this.#size -= kept.weight
    }
    const statements = await read()
    this.#forget(name)
    // That nothing was found takes room as well.
    const weight = 1 + statements.length / perStatement
    this.#kept.set(name, { revision, statements, weight })
    this.#size += weight
    for (const [oldest] of this.#kept) {
      if (this.#size <= MAX_KEPT_STATEMENTS || oldest === name) break
      this.#forget(oldest)
    }
    return statements
  }

  #forget(name: string): void {
    const kept = this.#kept.get(name)
    if (kept === undefined) return
    this.#kept.delete(name)
    this.#size -= kept.weight
  }
}

/** Those whose withdrawals are heard: the asked one and whatever the policy maps some image to. */
function mappedImages({ repository }: Question, { images }: Policy): readonly ImageName[] {
  return [...new Set([repository, ...images.flatMap((each) => each.repository ?? [])])]
}
