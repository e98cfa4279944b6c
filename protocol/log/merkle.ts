/**
 * Merkle trees of RFC 6962, section 2.1, by their perfect subtrees.
 *
 * A range of leaves is covered by the largest aligned perfect subtrees, from left to right; there is
 * one such cover. The hashes of a cover of [0, n) give the root of n leaves, and nothing else does:
 * so the hashes over [0, m) and [m, n) show which root the first m leaves of a tree have, and those
 * over [0, i) and [i + 1, n) show which leaf stands at i.
 */
import { toHex } from '../bytes.ts'
import type { Crypto } from '../crypto.ts'

const HASH_BYTES = 32

/** The perfect subtree over leaves [index · 2^level, (index + 1) · 2^level). */
export interface Subtree {
  readonly level: number
  readonly index: number
}

export function hashLeaf(leaf: Uint8Array, crypto: Crypto): Uint8Array {
  const input = new Uint8Array(1 + leaf.length)
  input.set(leaf, 1)
  return crypto.sha256(input)
}

export function hashNode(left: Uint8Array, right: Uint8Array, crypto: Crypto): Uint8Array {
  const input = new Uint8Array(1 + 2 * HASH_BYTES)
  input[0] = 1
  input.set(left, 1)
  input.set(right, 1 + HASH_BYTES)
  return crypto.sha256(input)
}

/** The subtrees that cover [from, to), from left to right. */
export function coverOf(from: number, to: number): Subtree[] {
  const cover: Subtree[] = []
  let at = from
  while (at < to) {
    let level = 0
    let width = 1
    while (at % (width * 2) === 0 && at + width * 2 <= to) {
      level++
      width *= 2
    }
    cover.push({ level, index: at / width })
    at += width
  }
  return cover
}

/** A root in the making: leaves, or whole subtrees, come in from left to right. */
export class RootBuilder {
  readonly #crypto: Crypto
  readonly #stack: { level: number; hash: Uint8Array }[] = []

  constructor(crypto: Crypto) {
    this.#crypto = crypto
  }

  /** Adds the next subtree; its width must divide the number of leaves so far. */
  push(hash: Uint8Array, level = 0): void {
    let subtree = { level, hash }
    for (let top = this.#stack.at(-1); top?.level === subtree.level; top = this.#stack.at(-1)) {
      this.#stack.pop()
      subtree = { level: top.level + 1, hash: hashNode(top.hash, subtree.hash, this.#crypto) }
    }
    this.#stack.push(subtree)
  }

  /** The root of what has come so far, 32 bytes. */
  root(): Uint8Array {
    let root: Uint8Array | undefined
    for (let i = this.#stack.length - 1; i >= 0; i--) {
      const { hash } = this.#stack[i] as { hash: Uint8Array }
      root = root === undefined ? hash : hashNode(hash, root, this.#crypto)
    }
    return root ?? this.#crypto.sha256(new Uint8Array(0))
  }
}

/** Root (hex) of the leaves over which `hashes` stand, in the order of `cover`, which begins at leaf 0. */
export function rootOfCover(
  cover: readonly Subtree[],
  hashes: readonly Uint8Array[],
  crypto: Crypto,
): string {
  const builder = new RootBuilder(crypto)
  cover.forEach(({ level }, i) => {
    builder.push(hashes[i] as Uint8Array, level)
  })
  return toHex(builder.root())
}

/** Root (hex) of `leaves`, each as it stands in the log. */
export function rootOfLeaves(leaves: Iterable<Uint8Array>, crypto: Crypto): string {
  const builder = new RootBuilder(crypto)
  for (const leaf of leaves) builder.push(hashLeaf(leaf, crypto))
  return toHex(builder.root())
}
