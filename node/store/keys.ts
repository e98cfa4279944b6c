/**
 * The key table: what stands in LevelDB, and under which key.
 *
 * The first byte of a key is its table. Numbers are never reused for something else; a change of
 * layout raises STORE_FORMAT. Statements are the truth, the tables from 0x10 to 0x1f are derived
 * from them and can be rebuilt, records are JSON or bytes of the parts that own them.
 */
import { toHex, utf8 } from '../../protocol/bytes.ts'
import type { Digest, ImageName, InputDigest, KeyHex, Sid } from '../../protocol/identifiers.ts'
import type { StatementKind } from '../../protocol/statement.ts'
import { pooled, pooledConcat } from './pooled.ts'

export const STORE_FORMAT = 3

export const TABLES = {
  system: 0x00, // "format" | "ledger" -> checked JSON
  statement: 0x01, // sid -> check (4) | arrival (8) | sha256 of the message (32) | message
  aside: 0x02, // damaged key -> the value that was found there
  byImage: 0x10, // image \0 kind (1) sid -> check
  byKey: 0x11, // public key (32) arrival (8) -> check | sid
  named: 0x12, // named sid | relation (1) | naming sid -> check
  byVersion: 0x13, // image \0 version \0 release sid -> check
  byPublished: 0x14, // sha256 of a published manifest (32) | sid -> check
  byArrival: 0x15, // arrival (8) -> check | sid
  byInput: 0x16, // input digest (32) sid of a rebuild or commitment -> check
  outlines: 0x17, // image \0 sid of a release -> check | JSON of its outline
  queue: 0x20, // item id -> checked JSON
  alerts: 0x21, // alert id -> checked JSON
  deliveries: 0x22, // sink / number -> checked JSON
  verdicts: 0x23, // what was asked -> checked JSON
  meta: 0x24, // name -> checked JSON
  blind: 0x25, // release:platform -> checked JSON, with the salt of a commitment
  builds: 0x26, // queue item id -> checked JSON: cold builds whose result is not said yet
  watch: 0x27, // image \0 source and tag -> checked JSON; image \0 -> since when
  logs: 0x30, // record of the log book -> check | bytes
  ownLog: 0x31, // record of the own log -> check | bytes
} as const

export type TableName = keyof typeof TABLES

export const INDEX_TABLES = [
  'byImage',
  'byKey',
  'named',
  'byVersion',
  'byPublished',
  'byArrival',
  'byInput',
  'outlines',
] as const satisfies readonly TableName[]
export type IndexTable = (typeof INDEX_TABLES)[number]

export const RECORD_TABLES = [
  'queue',
  'alerts',
  'deliveries',
  'verdicts',
  'meta',
  'blind',
  'builds',
  'watch',
] as const satisfies readonly TableName[]
export type RecordTableName = (typeof RECORD_TABLES)[number]

export const BYTES_TABLES = ['logs', 'ownLog'] as const satisfies readonly TableName[]
export type BytesTableName = (typeof BYTES_TABLES)[number]

const KINDS: Readonly<Record<StatementKind, number>> = {
  release: 1,
  rebuild: 2,
  withdrawal: 3,
  operator: 4,
  commitment: 5,
}

/** How one statement names another. */
export type Relation = 'rebuilds' | 'withdraws' | 'supersedes' | 'publishes' | 'commits'
const RELATIONS: Readonly<Record<Relation, number>> = {
  rebuilds: 1,
  withdraws: 2,
  supersedes: 3,
  publishes: 4,
  commits: 5,
}

export const SID_BYTES = 32
export const STATEMENT_KEY_BYTES = 1 + SID_BYTES
const ZERO = Uint8Array.of(0)

/** Keys from `gte` up to, and without, `lt`. */
export interface KeyRange {
  readonly gte: Uint8Array
  readonly lt: Uint8Array
}

/** 32 bytes of hex. Statements are checked before they are stored, so anything else is a bug. */
function hex32(hex: string): Uint8Array {
  const bytes = Buffer.from(hex, 'hex')
  if (hex.length !== 64 || bytes.length !== 32) throw new Error(`"${hex}" is not 64 hex digits`)
  return bytes
}

function digestBytes(digest: Digest): Uint8Array {
  return hex32(digest.startsWith('sha256:') ? digest.slice(7) : digest)
}

function arrivalBytes(arrival: number): Uint8Array {
  const bytes = pooled(8)
  bytes.writeUInt32BE(Math.floor(arrival / 2 ** 32))
  bytes.writeUInt32BE(arrival % 2 ** 32, 4)
  return bytes
}

export function keyIn(table: TableName, ...parts: readonly Uint8Array[]): Uint8Array {
  return pooledConcat(Uint8Array.of(TABLES[table]), ...parts)
}

/** Every key of `table` that begins with `parts`. */
export function rangeIn(table: TableName, ...parts: readonly Uint8Array[]): KeyRange {
  const gte = keyIn(table, ...parts)
  // A slice of a Buffer would be the same bytes.
  const lt = new Uint8Array(gte)
  for (let i = lt.length - 1; i >= 0; i--) {
    const byte = lt[i] as number
    if (byte === 0xff) continue
    lt[i] = byte + 1
    return { gte, lt: lt.subarray(0, i + 1) }
  }
  throw new Error('no key follows this prefix')
}

export const statementKey = (sid: Sid): Uint8Array => keyIn('statement', hex32(sid))
/** The sid at the end of a key. */
export const lastSid = (bytes: Uint8Array): Sid => toHex(bytes.subarray(-SID_BYTES))

export const imageKey = (image: ImageName, kind: StatementKind, sid: Sid): Uint8Array =>
  keyIn('byImage', utf8(image), Uint8Array.of(0, KINDS[kind]), hex32(sid))
export const imageRange = (image: ImageName, kind?: StatementKind): KeyRange =>
  rangeIn('byImage', utf8(image), kind === undefined ? ZERO : Uint8Array.of(0, KINDS[kind]))

export const signerKey = (key: KeyHex, arrival: number): Uint8Array =>
  keyIn('byKey', hex32(key), arrivalBytes(arrival))
export const signerRange = (key: KeyHex): KeyRange => rangeIn('byKey', hex32(key))

export const namedKey = (named: Sid, relation: Relation, naming: Sid): Uint8Array =>
  keyIn('named', hex32(named), Uint8Array.of(RELATIONS[relation]), hex32(naming))
export const namedRange = (named: Sid, relation?: Relation): KeyRange =>
  relation === undefined
    ? rangeIn('named', hex32(named))
    : rangeIn('named', hex32(named), Uint8Array.of(RELATIONS[relation]))

export const versionKey = (image: ImageName, version: string, sid: Sid): Uint8Array =>
  keyIn('byVersion', utf8(image), ZERO, utf8(version), ZERO, hex32(sid))
export const versionRange = (image: ImageName, version: string): KeyRange =>
  rangeIn('byVersion', utf8(image), ZERO, utf8(version), ZERO)

export const publishedKey = (digest: Digest, sid: Sid): Uint8Array =>
  keyIn('byPublished', digestBytes(digest), hex32(sid))
export const publishedRange = (digest: Digest): KeyRange =>
  rangeIn('byPublished', digestBytes(digest))

export const inputKey = (input: InputDigest, sid: Sid): Uint8Array =>
  keyIn('byInput', hex32(input), hex32(sid))
export const inputRange = (input: InputDigest): KeyRange => rangeIn('byInput', hex32(input))

export const outlineKey = (image: ImageName, sid: Sid): Uint8Array =>
  keyIn('outlines', utf8(image), ZERO, hex32(sid))
export const outlineRange = (image: ImageName): KeyRange => rangeIn('outlines', utf8(image), ZERO)

export const arrivalKey = (arrival: number): Uint8Array => keyIn('byArrival', arrivalBytes(arrival))

/** The statements whose sid begins with these hex digits, of which there may be an odd number. */
export function sidPrefixRange(prefix: string): KeyRange {
  const low = prefix.padEnd(SID_BYTES * 2, '0')
  const { gte } = rangeIn('statement', hex32(low))
  const high = rangeIn('statement', hex32(prefix.padEnd(SID_BYTES * 2, 'f')))
  return { gte, lt: high.lt }
}
