/**
 * The `commitment` statement: a rebuilder has its result of a blind release and does not say yet what
 * it is. Its sid is a leaf of the signer's log like that of any statement. protocol/blind/README.md.
 */
import type { Field } from '../field.ts'
import type { ImageName, InputDigest, Platform, Sid, UnixSeconds } from '../identifiers.ts'
import { isInputDigest, isSid } from '../identifiers.ts'
import { isImageName } from '../image-name.ts'
import type { JsonObject } from '../json.ts'
import { isPlatform } from '../platform.ts'
import { parseProfileId } from '../profile-id.ts'
import { MAX_TIME } from '../recipe.ts'
import { statementSubject, type Subject } from '../subject.ts'

export interface Commitment {
  readonly kind: 'commitment'
  readonly image: ImageName
  /** The blind release that was rebuilt. */
  readonly release: Sid
  readonly inputDigest: InputDigest
  readonly platform: Platform
  readonly profile: string
  /** Salted hash of the result (vote-hash.ts): 64 lowercase hex digits. */
  readonly hash: string
  readonly committed: UnixSeconds
}

export function parseCommitment(predicate: Field): Commitment {
  return {
    kind: 'commitment',
    image: predicate.at('image').spelled(isImageName, 'an image name (host/path)'),
    release: predicate.at('release').spelled(isSid, 'a statement id'),
    inputDigest: predicate.at('inputDigest').spelled(isInputDigest, '64 hex digits'),
    platform: predicate.at('platform').spelled(isPlatform, 'a platform (os/arch[/variant])'),
    profile: parseProfileId(predicate.at('profile')),
    hash: predicate.at('hash').spelled(isInputDigest, '64 hex digits'),
    committed: predicate.at('committed').integer(0, MAX_TIME),
  }
}

export function encodeCommitment(commitment: Commitment): JsonObject {
  const { kind: _kind, ...predicate } = commitment
  return { ...predicate }
}

/** The release that was rebuilt. */
export function commitmentSubjects({ image, release }: Commitment): Subject[] {
  return [statementSubject(image, release)]
}
