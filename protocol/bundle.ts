/**
 * Evidence about an image as one file, for a machine without a network.
 *
 *   "rebuildnet bundle 1\n", then entries: type (u8) | length (u32) | bytes
 *
 *   1 question    JSON: image, digest, platform
 *   2 statement   in its binary form
 *   3 head        a signed note
 *   4 leaves      of the head before: all that it covers, in slots of 49 bytes
 *   5 proof       of equivocation
 *
 * Nothing in it needs to be believed: statements, heads and proofs are signed, leaves give the root of
 * their head. What is left out shows, since the logs say what there is; how old it is shows by its heads.
 */
import { compareBytes, concat, equalBytes, utf8 } from './bytes.ts'
import { isDigest } from './identifiers.ts'
import { isJsonObject, JsonError, parseJson, type JsonValue } from './json.ts'
import { LEAF_SLOT_BYTES } from './log/leaf.ts'
import type { Question } from './verdict/answer.ts'

export const MAX_BUNDLE_BYTES = 64 * 1024 * 1024
const MAGIC = utf8('rebuildnet bundle 1\n')
const ANY_VERSION = utf8('rebuildnet bundle ')
const HEADER_BYTES = 5
const QUESTION_LIMITS = { maxDepth: 4, maxStringLength: 4096 }

const TYPES = { question: 1, statement: 2, head: 3, leaves: 4, proof: 5 } as const

type BundleErrorCode = 'not-a-bundle' | 'newer-format' | 'malformed' | 'too-large'

export class BundleError extends Error {
  override readonly name = 'BundleError'
  readonly code: BundleErrorCode

  constructor(code: BundleErrorCode, message: string) {
    super(message)
    this.code = code
  }
}

/** A head, and the leaves that it covers. */
interface BundledLog {
  readonly head: Uint8Array
  readonly slots: Uint8Array
}

export interface Bundle {
  /** What it was made to answer. */
  readonly questions: readonly Question[]
  readonly statements: readonly Uint8Array[]
  readonly logs: readonly BundledLog[]
  readonly proofs: readonly Uint8Array[]
}

/** One set of things has one spelling. */
export function encodeBundle({ questions, statements, logs, proofs }: Bundle): Uint8Array {
  const texts = questions.map(({ repository, digest, platform }) =>
    utf8(JSON.stringify({ image: repository, digest, platform })),
  )
  const sortedLogs = [...logs].sort((a, b) => compareBytes(a.head, b.head))
  const bytes = concat(
    MAGIC,
    ...texts.sort(compareBytes).flatMap((text) => entry('question', text)),
    ...[...statements].sort(compareBytes).flatMap((each) => entry('statement', each)),
    ...sortedLogs.flatMap(({ head, slots }) => [...entry('head', head), ...entry('leaves', slots)]),
    ...[...proofs].sort(compareBytes).flatMap((each) => entry('proof', each)),
  )
  if (bytes.length > MAX_BUNDLE_BYTES) {
    throw new BundleError(
      'too-large',
      `the evidence has ${bytes.length} bytes, and a bundle at most ${MAX_BUNDLE_BYTES}`,
    )
  }
  return bytes
}

/** Takes a bundle apart; throws BundleError. Nothing is verified, and nothing copied. */
export function parseBundle(bytes: Uint8Array): Bundle {
  if (bytes.length > MAX_BUNDLE_BYTES) {
    throw new BundleError('too-large', `a bundle has at most ${MAX_BUNDLE_BYTES} bytes`)
  }
  if (!equalBytes(bytes.subarray(0, MAGIC.length), MAGIC)) {
    if (equalBytes(bytes.subarray(0, ANY_VERSION.length), ANY_VERSION)) {
      throw new BundleError('newer-format', 'a bundle of a newer rebuildnet: update rebuildnet')
    }
    throw new BundleError('not-a-bundle', 'not a file that "rebuildnet export" wrote')
  }
  const questions: Question[] = []
  const statements: Uint8Array[] = []
  const logs: { head: Uint8Array; slots: Uint8Array }[] = []
  const proofs: Uint8Array[] = []
  let isOpen = false
  for (const { type, data } of entries(bytes)) {
    if (isOpen !== (type === TYPES.leaves)) throw malformed('heads and leaves are not in pairs')
    isOpen = type === TYPES.head
    if (type === TYPES.question) questions.push(parseQuestion(data))
    else if (type === TYPES.statement) statements.push(data)
    else if (type === TYPES.head) logs.push({ head: data, slots: new Uint8Array(0) })
    else if (type === TYPES.proof) proofs.push(data)
    else if (type === TYPES.leaves) {
      if (data.length % LEAF_SLOT_BYTES !== 0) throw malformed('half a leaf')
      const log = logs.at(-1)
      if (log !== undefined) log.slots = data
    } else throw malformed(`an entry of unknown type ${type}`)
  }
  if (isOpen) throw malformed('a head without its leaves')
  return { questions, statements, logs, proofs }
}

function* entries(bytes: Uint8Array): Generator<{ type: number; data: Uint8Array }> {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  for (let at = MAGIC.length; at < bytes.length;) {
    if (at + HEADER_BYTES > bytes.length) throw malformed('it ends too early')
    const length = view.getUint32(at + 1)
    const from = at + HEADER_BYTES
    if (from + length > bytes.length) throw malformed('it ends too early')
    yield { type: view.getUint8(at), data: bytes.subarray(from, from + length) }
    at = from + length
  }
}

function entry(type: keyof typeof TYPES, data: Uint8Array): [Uint8Array, Uint8Array] {
  const header = new Uint8Array(HEADER_BYTES)
  header[0] = TYPES[type]
  new DataView(header.buffer).setUint32(1, data.length)
  return [header, data]
}

function parseQuestion(data: Uint8Array): Question {
  let value: JsonValue
  try {
    value = parseJson(data, QUESTION_LIMITS)
  } catch (error) {
    if (!(error instanceof JsonError)) throw error
    throw malformed('a question that is no JSON of one reading')
  }
  const { image, digest, platform } = isJsonObject(value) ? value : {}
  if (typeof image !== 'string' || typeof digest !== 'string' || typeof platform !== 'string') {
    throw malformed('a question without image, digest or platform')
  }
  if (!isDigest(digest)) throw malformed('a question without a digest')
  return { repository: image, digest, platform }
}

function malformed(why: string): BundleError {
  return new BundleError('malformed', `the bundle is damaged: ${why}`)
}
