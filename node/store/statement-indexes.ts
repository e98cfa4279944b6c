/** The index entries of one statement: a function of the statement and of when it came. */
import { parseHex } from '../../protocol/bytes.ts'
import type { Digest, ImageName, Sid } from '../../protocol/identifiers.ts'
import type { SignedStatement, StatementBody } from '../../protocol/statement.ts'
import { encodeChecked } from './checked.ts'
import {
  arrivalKey,
  imageKey,
  inputKey,
  namedKey,
  outlineKey,
  publishedKey,
  signerKey,
  versionKey,
  type IndexTable,
  type Relation,
} from './keys.ts'
import { encodeOutline } from './release-outlines.ts'

export interface IndexEntry {
  readonly table: IndexTable
  readonly key: Uint8Array
  readonly value: Uint8Array
}

/** Cards belong to no image; they stand under the empty name, which is none. */
export const CARDS_IMAGE: ImageName = ''

export function imageOf({ body }: SignedStatement): ImageName {
  return body.kind === 'operator' ? CARDS_IMAGE : body.image
}

const NOTHING = new Uint8Array(0)

export function indexEntries(statement: SignedStatement, arrival: number): IndexEntry[] {
  const { sid, key, body } = statement
  const sidBytes = parseHex(sid) ?? NOTHING
  const entries = [
    entry('byImage', imageKey(imageOf(statement), body.kind, sid), NOTHING),
    entry('byKey', signerKey(key, arrival), sidBytes),
    entry('byArrival', arrivalKey(arrival), sidBytes),
    ...namedBy(body).map(([named, relation]) =>
      entry('named', namedKey(named, relation, sid), NOTHING),
    ),
    ...publishedBy(body).map((digest) => entry('byPublished', publishedKey(digest, sid), NOTHING)),
  ]
  if (body.kind === 'rebuild' || body.kind === 'commitment') {
    entries.push(entry('byInput', inputKey(body.inputDigest, sid), NOTHING))
  }
  if (body.kind === 'release') {
    entries.push(entry('byVersion', versionKey(body.image, body.version, sid), NOTHING))
    entries.push(entry('outlines', outlineKey(body.image, sid), encodeOutline(key, body)))
  }
  return entries
}

function entry(table: IndexTable, key: Uint8Array, payload: Uint8Array): IndexEntry {
  return { table, key, value: encodeChecked(key, payload) }
}

/** The other statements that this one names, each once. */
function namedBy(body: StatementBody): (readonly [Sid, Relation])[] {
  switch (body.kind) {
    case 'release':
      return body.publishes === undefined ? [] : [[body.publishes, 'publishes']]
    case 'rebuild':
      return [
        [body.release, 'rebuilds'],
        ...[...new Set(body.supersedes)].map((sid) => [sid, 'supersedes'] as const),
      ]
    case 'commitment':
      return [[body.release, 'commits']]
    case 'withdrawal':
      return [[body.withdraws, 'withdraws']]
    case 'operator':
      return []
  }
}

/** The published manifests that this statement is about, each once. */
function publishedBy(body: StatementBody): readonly Digest[] {
  if (body.kind === 'release') {
    const digests = body.platforms.map(({ manifestDigest }) => manifestDigest)
    return [...new Set(digests.filter((digest) => digest !== undefined))]
  }
  if (body.kind === 'rebuild' && body.publishedDigest !== undefined) return [body.publishedDigest]
  return []
}
