/**
 * The bytes of an equivocation proof, apart from what they prove:
 *
 *   1 | kind (u8) | parts, each after its length (u16)
 *
 *   1 fork        head, head          the one with the lower root first
 *   2 shrink      head, head          the earlier one first
 *   3 rewrite     head, head, hashes  the smaller one first
 *   4 misfiled    head, hashes, leaf, statement
 *   5 after-seal  head, head          the earlier log first
 *
 * Hashes are 32 bytes each, in the order of `merkle.ts`; a leaf is its index (u32) and its slot.
 */
import { concat } from '../bytes.ts'
import { LEAF_SLOT_BYTES } from './leaf.ts'
import { LogError } from './log-error.ts'

export type EquivocationKind = 'fork' | 'shrink' | 'rewrite' | 'misfiled' | 'after-seal'

export interface ProofParts {
  readonly kind: EquivocationKind
  readonly heads: readonly Uint8Array[]
  readonly hashes?: readonly Uint8Array[]
  readonly leaf?: { readonly index: number; readonly slot: Uint8Array }
  readonly statement?: Uint8Array
}

/** A statement, two heads and forty hashes, with room to spare. */
export const MAX_PROOF_BYTES = 48 * 1024
const VERSION = 1
const HASH_BYTES = 32

type Part = 'head' | 'hashes' | 'leaf' | 'statement'

const LAYOUTS: Readonly<Record<EquivocationKind, readonly [code: number, ...parts: Part[]]>> = {
  fork: [1, 'head', 'head'],
  shrink: [2, 'head', 'head'],
  rewrite: [3, 'head', 'head', 'hashes'],
  misfiled: [4, 'head', 'hashes', 'leaf', 'statement'],
  'after-seal': [5, 'head', 'head'],
}
const KINDS = Object.keys(LAYOUTS) as readonly EquivocationKind[]

export function encodeProof(proof: ProofParts): Uint8Array {
  const [code, ...layout] = LAYOUTS[proof.kind]
  const heads = [...proof.heads]
  const { leaf } = proof
  const parts = layout.map((part) => {
    if (part === 'head') return heads.shift()
    if (part === 'hashes') return concat(...(proof.hashes ?? []))
    if (part === 'statement') return proof.statement
    return leaf && concat(u32(leaf.index), leaf.slot)
  })
  return concat(
    Uint8Array.of(VERSION, code),
    ...parts.flatMap((part) => {
      if (part === undefined) throw new Error(`a proof of kind ${proof.kind} lacks a part`)
      return [Uint8Array.of(part.length >> 8, part.length & 0xff), part]
    }),
  )
}

/** Takes a proof apart; throws LogError. Nothing is verified. */
export function parseProof(bytes: Uint8Array): ProofParts {
  if (bytes.length > MAX_PROOF_BYTES) {
    throw new LogError(
      'too-large',
      `the proof has ${bytes.length} bytes, at most ${MAX_PROOF_BYTES} are allowed`,
    )
  }
  const [version, code] = bytes
  const kind = KINDS.find((each) => LAYOUTS[each][0] === code)
  if (version === undefined || code === undefined) throw malformed('it ends too early')
  if (version !== VERSION || kind === undefined) {
    throw new LogError(
      'unknown-proof',
      `a proof of version ${version}, kind ${code}, which this rebuildnet does not know`,
    )
  }
  const [, ...layout] = LAYOUTS[kind]
  const heads: Uint8Array[] = []
  let rest: Omit<ProofParts, 'kind' | 'heads'> = {}
  let at = 2
  for (const part of layout) {
    const length = (bytes[at] ?? 0) * 256 + (bytes[at + 1] ?? 0)
    const data = bytes.subarray(at + 2, at + 2 + length)
    if (at + 2 + length > bytes.length) throw malformed('it ends too early')
    at += 2 + length
    if (part === 'head') heads.push(data)
    else if (part === 'hashes') rest = { ...rest, hashes: splitHashes(data) }
    else if (part === 'leaf') rest = { ...rest, leaf: splitLeaf(data) }
    else rest = { ...rest, statement: data }
  }
  if (at !== bytes.length) throw malformed('it has bytes after its end')
  return { kind, heads, ...rest }
}

function splitHashes(data: Uint8Array): Uint8Array[] {
  if (data.length % HASH_BYTES !== 0) throw malformed('its hashes are not of 32 bytes each')
  return Array.from({ length: data.length / HASH_BYTES }, (_, i) =>
    data.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES),
  )
}

function splitLeaf(data: Uint8Array): { index: number; slot: Uint8Array } {
  if (data.length !== 4 + LEAF_SLOT_BYTES) throw malformed('its leaf is not an index and 49 bytes')
  return {
    index: new DataView(data.buffer, data.byteOffset).getUint32(0),
    slot: data.subarray(4),
  }
}

function u32(value: number): Uint8Array {
  const out = new Uint8Array(4)
  new DataView(out.buffer).setUint32(0, value)
  return out
}

function malformed(why: string): LogError {
  return new LogError('proof-malformed', `not a proof of equivocation: ${why}`)
}
