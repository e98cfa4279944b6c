/**
 * Which operators can be shown to have had their result before they could know the answer.
 *
 * Whatever is not shown is not believed, so each condition is about what a liar cannot make: a hash
 * of what did not exist yet. protocol/blind/README.md says what this proves and what it does not.
 */
import type { Crypto } from '../crypto.ts'
import type { KeyHex, OperatorId, Sid } from '../identifiers.ts'
import type { Rebuild } from '../rebuild.ts'
import type { SignedStatement } from '../statement.ts'
import type { Commitment } from './commitment.ts'
import { opens } from './reveal.ts'
import { encodeOutcome } from './vote-hash.ts'

export type BlindLabel =
  | 'blind'
  /** It announces the project's releases, and so may know what is to be published. */
  | 'announcer'
  /** One of its commitments has no live result that opens it. */
  | 'unopened'
  /** It has committed to several things, or said one of another kind beside what it committed to. */
  | 'changed'
  /** The result says something of the published image. */
  | 'names-image'
  /** Its commitment is not in its log as far as whoever published the image had seen it. */
  | 'not-listed'
  /** Another operator's result is not shown to have come later than its commitment. */
  | 'not-first'

/** A statement of one of the operators that are asked about. */
type Said<Body extends Commitment | Rebuild> = SignedStatement<Body> & {
  readonly operator: OperatorId
}

/** A release that published an image of the input. */
interface Publication {
  readonly sid: Sid
  /** Whether it lists the log of `key` so far that the commitment is in it. */
  readonly covers: (commitment: Sid, key: KeyHex, operator: OperatorId) => boolean
}

export interface BlindCase {
  /** All that count, on one build input. */
  readonly commitments: readonly Said<Commitment>[]
  /** All on that input that anybody can have seen, also those taken back. */
  readonly results: readonly (Said<Rebuild> & {
    /** Whether it is a vote still, in the cell that is asked about. */
    readonly live: boolean
  })[]
  /** Every release that published an image of that input. */
  readonly publications: readonly Publication[]
  readonly announcers: ReadonlySet<OperatorId>
  readonly crypto: Crypto
}

/** Of each operator that has committed itself. */
export function labelVotes(about: BlindCase): ReadonlyMap<OperatorId, BlindLabel> {
  const operators = new Set(about.commitments.map(({ operator }) => operator))
  return new Map([...operators].map((operator) => [operator, labelOf(operator, about)]))
}

function labelOf(operator: OperatorId, about: BlindCase): BlindLabel {
  const { commitments, results, publications, announcers, crypto } = about
  if (announcers.has(operator)) return 'announcer'
  const own = commitments.filter((each) => each.operator === operator)
  const opening = own.map((commitment) =>
    results.find(({ live, key, body }) => live && opens(body, key, commitment, crypto)),
  )
  // Who could leave one closed could commit to several results, and open the one that fits.
  if (opening.includes(undefined)) return 'unopened'
  if (opening.some((result) => result !== undefined && namesImage(result.body))) {
    return 'names-image'
  }
  const promised = opening.flatMap((result) => result?.body.outcome ?? [])
  // Each is opened, and still one of them was a guess.
  if (new Set(promised.map(encodeOutcome)).size > 1) return 'changed'
  const kinds = results.filter(({ live, operator: by }) => live && by === operator)
  if (new Set(kinds.map(({ body }) => body.outcome.kind)).size > 1) return 'changed'
  const covered = ({ covers }: Publication): boolean =>
    own.every(({ sid, key }) => covers(sid, key, operator))
  if (publications.length === 0 || !publications.every(covered)) return 'not-listed'
  const published = new Set(publications.map(({ sid }) => sid))
  const laterThanAll = ({ body }: Said<Rebuild>): boolean =>
    // It names a release that lists the commitments, or the commitments themselves.
    published.has(body.release) || own.every(({ sid }) => body.after?.includes(sid) === true)
  const others = results.filter((result) => result.operator !== operator)
  return others.every(laterThanAll) ? 'blind' : 'not-first'
}

function namesImage({ publishedDigest, published }: Rebuild): boolean {
  return publishedDigest !== undefined || !('unfetched' in published)
}
