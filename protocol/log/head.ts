/**
 * The head of a log: what its owner says the whole log is, at a time.
 *
 * A C2SP checkpoint (tlog-checkpoint) in a signed note, with one extension line, signed by the log's
 * own key with a timestamped cosignature (tlog-cosignature, `cosignature/v1`, type 0x04):
 *
 *   rebuildnet.dev/log/<operator>/<key>/<n>
 *   <size>
 *   <base64 of the root>
 *   card <version> <sid>
 *   <empty line>
 *   — <origin> <base64 of key hash (4) | time (u64) | signature (64)>
 *
 * Lines of others (witnesses) are left out of `bytes`, so that one head has one spelling.
 */
import {
  concat,
  decodeUtf8,
  equalBytes,
  parseBase64,
  parseHex,
  toBase64,
  toHex,
  utf8,
} from '../bytes.ts'
import type { Crypto } from '../crypto.ts'
import { verifyStrict } from '../ed25519.ts'
import { isSid, type Sid, type UnixSeconds } from '../identifiers.ts'
import { MAX_TIME } from '../recipe.ts'
import type { Signer } from '../signer.ts'
import { MAX_LOG_SIZE } from './leaf.ts'
import { LogError } from './log-error.ts'
import { parseOrigin, type Origin } from './origin.ts'

/** Room for our own line and those of some dozens of witnesses. */
export const MAX_HEAD_BYTES = 16 * 1024
const COSIGNATURE = 4
const KEY_HASH_BYTES = 4
const COSIGNATURE_BYTES = KEY_HASH_BYTES + 8 + 64
/** Of ASCII, and no line feed. */
const CONTROL = /(?!\n)(?=\p{ASCII})\p{Cc}/u
const SIGNATURE_LINE = /^— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})$/u

/** The operator card that the owner goes by. */
export interface HeadCard {
  readonly version: number
  readonly sid: Sid
}

export interface HeadFields {
  readonly origin: Origin
  /** How many leaves the log has. */
  readonly size: number
  /** RFC 6962 root of these leaves, lowercase hex. */
  readonly root: string
  readonly card: HeadCard
  readonly time: UnixSeconds
}

/** A head whose signature has been verified. */
export interface Head extends HeadFields {
  /** The note with its owner's line alone. */
  readonly bytes: Uint8Array
}

/** Verifies and reads a head; throws LogError and nothing else. */
export function openHead(bytes: Uint8Array, crypto: Crypto): Head {
  if (bytes.length > MAX_HEAD_BYTES) {
    throw new LogError(
      'too-large',
      `the head has ${bytes.length} bytes, at most ${MAX_HEAD_BYTES} are allowed`,
    )
  }
  const { body, lines } = parseNote(bytes)
  const origin = parseOrigin(body.slice(0, body.indexOf('\n')))
  const publicKey = parseHex(origin.key) ?? new Uint8Array(0)
  const hash = keyHash(origin.text, publicKey, crypto)
  const own = lines.filter(
    ({ name, bytes: data }) =>
      name === origin.text && equalBytes(data.subarray(0, KEY_HASH_BYTES), hash),
  )
  const [line] = own
  if (line === undefined)
    throw new LogError('unsigned', 'the head has no line by the key of its log')
  if (own.length > 1) {
    throw new LogError('signature-count', `the head has ${own.length} lines by the key of its log`)
  }
  if (line.bytes.length !== COSIGNATURE_BYTES) {
    throw new LogError(
      'bad-signature',
      `the signature has ${line.bytes.length} bytes, not ${COSIGNATURE_BYTES}`,
    )
  }
  const time = new DataView(line.bytes.buffer, line.bytes.byteOffset).getBigUint64(KEY_HASH_BYTES)
  const signature = line.bytes.subarray(KEY_HASH_BYTES + 8)
  const answer = verifyStrict(publicKey, cosigned(time, body), signature, crypto)
  if (answer === 'weak-key') {
    throw new LogError('weak-key', `the key ${origin.key} is outside the strict profile`)
  }
  if (answer === 'bad-signature') {
    throw new LogError('bad-signature', `the signature does not verify under ${origin.key}`)
  }
  if (time < 1n || time > MAX_TIME) throw new LogError('out-of-range', `the head is dated ${time}`)
  return {
    ...parseCheckpoint(body, origin, crypto),
    time: Number(time),
    bytes: writeNote(body, origin, line.bytes),
  }
}

/** Signs a head; the caller has made sure that it is never a smaller or another one. */
export function signHead(fields: HeadFields, signer: Signer, crypto: Crypto): Head {
  const { origin, size, root, card, time } = fields
  if (signer.publicKey !== origin.key) throw new Error('a log is signed by the key in its origin')
  const rootBytes = parseHex(root)
  if (rootBytes?.length !== 32) throw new Error(`not a root: ${root}`)
  const body = `${origin.text}\n${size}\n${toBase64(rootBytes)}\ncard ${card.version} ${card.sid}\n`
  const stamp = new Uint8Array(8)
  new DataView(stamp.buffer).setBigUint64(0, BigInt(time))
  const line = concat(
    keyHash(origin.text, parseHex(origin.key) ?? new Uint8Array(0), crypto),
    stamp,
    signer.sign(cosigned(BigInt(time), body)),
  )
  return { origin, size, root, card, time, bytes: writeNote(body, origin, line) }
}

interface SignatureLine {
  readonly name: string
  readonly bytes: Uint8Array
}

/** Signed note: text, an empty line, signature lines. */
function parseNote(bytes: Uint8Array): { body: string; lines: readonly SignatureLine[] } {
  const malformed = (why: string): never => {
    throw new LogError('note-malformed', `the head is not a signed note: ${why}`)
  }
  const text = decodeUtf8(bytes)
  if (text === undefined) return malformed('it is not UTF-8')
  if (CONTROL.test(text)) return malformed('it has control characters')
  const end = text.lastIndexOf('\n\n')
  if (end < 0) return malformed('it has no empty line before its signatures')
  if (!text.endsWith('\n') || text.length === end + 2) return malformed('it has no signature lines')
  const lines = text.slice(end + 2, -1).split('\n')
  return {
    body: text.slice(0, end + 1),
    lines: lines.map((line) => {
      const [, name = '', encoded = ''] = SIGNATURE_LINE.exec(line) ?? []
      const data = parseBase64(encoded)
      if (data === undefined || data.length <= KEY_HASH_BYTES) {
        return malformed('a signature line is not "— <name> <base64>"')
      }
      return { name, bytes: data }
    }),
  }
}

function parseCheckpoint(body: string, origin: Origin, crypto: Crypto): Omit<HeadFields, 'time'> {
  const [, sizeLine = '', rootLine = '', ...extensions] = body.slice(0, -1).split('\n')
  if (!/^(?:0|[1-9][0-9]{0,19})$/.test(sizeLine)) {
    throw new LogError('checkpoint-malformed', 'the size is not a decimal number')
  }
  const rootBytes = parseBase64(rootLine)
  if (rootBytes?.length !== 32) {
    throw new LogError('checkpoint-malformed', 'the root is not canonical base64 of 32 bytes')
  }
  const cardLines = extensions.filter((line) => line.startsWith('card '))
  if (extensions.length > cardLines.length) {
    throw new LogError(
      'unknown-extension',
      'a line after the root that this rebuildnet does not know',
    )
  }
  const card = /^card ([1-9][0-9]{0,15}) ([0-9a-f]{64})$/.exec(cardLines[0] ?? '')
  const version = Number(card?.[1])
  const sid = card?.[2] ?? ''
  if (cardLines.length !== 1 || !Number.isSafeInteger(version) || !isSid(sid)) {
    throw new LogError('card-line', 'the head has not exactly one line "card <version> <sid>"')
  }
  const size = Number(sizeLine)
  const root = toHex(rootBytes)
  if (size > MAX_LOG_SIZE) {
    throw new LogError('out-of-range', `a log has at most ${MAX_LOG_SIZE} leaves, not ${sizeLine}`)
  }
  // Every log but the first begins with a seal.
  if (size === 0 && (origin.n > 0 || root !== toHex(crypto.sha256(new Uint8Array(0))))) {
    throw new LogError(
      'out-of-range',
      'an empty log with a root of something, or with a log before it',
    )
  }
  return { origin, size, root, card: { version, sid } }
}

function keyHash(name: string, publicKey: Uint8Array, crypto: Crypto): Uint8Array {
  const input = concat(utf8(`${name}\n`), Uint8Array.of(COSIGNATURE), publicKey)
  return crypto.sha256(input).slice(0, KEY_HASH_BYTES)
}

function cosigned(time: bigint, body: string): Uint8Array {
  return utf8(`cosignature/v1\ntime ${time}\n${body}`)
}

function writeNote(body: string, { text }: Origin, line: Uint8Array): Uint8Array<ArrayBuffer> {
  return utf8(`${body}\n— ${text} ${toBase64(line)}\n`)
}
