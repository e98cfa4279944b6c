/**
 * How a `rebuild` opens a commitment (`reveals`), and what it says of those of others (`after`).
 *
 * To name a commitment is to show that it was there first: its id is a hash that nobody knows before
 * it is signed. protocol/blind/README.md.
 */
import type { Crypto } from '../crypto.ts'
import { compareText, type Field } from '../field.ts'
import { isSid, type KeyHex, type Sid } from '../identifiers.ts'
import type { Rebuild } from '../rebuild.ts'
import type { SignedStatement } from '../statement.ts'
import type { Commitment } from './commitment.ts'
import { voteHash } from './vote-hash.ts'

/** More than any policy has operators; a name costs 67 bytes. */
export const MAX_AFTER = 64

export interface Reveal {
  readonly commitment: Sid
  /** 64 lowercase hex digits. */
  readonly salt: string
}

export function parseReveal(field: Field): Reveal {
  return {
    commitment: field.at('commitment').spelled(isSid, 'a statement id'),
    salt: field.at('salt').spelled(isSid, '64 hex digits'),
  }
}

/** Sorted, each once; an empty one is left out. */
export function parseAfter(field: Field): readonly Sid[] {
  const sids = field.sortedList(
    MAX_AFTER,
    (each) => each.spelled(isSid, 'a statement id'),
    compareText,
  )
  if (sids.length === 0) field.fail('not-canonical', 'is empty: leave it out')
  return sids
}

/** Whether a rebuild, signed by `key`, is what the commitment promised. */
export function opens(
  rebuild: Rebuild,
  key: KeyHex,
  commitment: SignedStatement<Commitment>,
  crypto: Crypto,
): boolean {
  const { reveals } = rebuild
  const { sid, body } = commitment
  return (
    reveals?.commitment === sid &&
    commitment.key === key &&
    body.image === rebuild.image &&
    body.release === rebuild.release &&
    body.inputDigest === rebuild.inputDigest &&
    body.platform === rebuild.platform &&
    body.profile === rebuild.profile &&
    body.hash === voteHash(rebuild, key, reveals.salt, crypto)
  )
}
