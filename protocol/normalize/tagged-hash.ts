/**
 * T(kind, d) = H( H(P|0x00|kind) | H(P|0x00|kind) | d ): a hash that says under which profile, and
 * as what, it was made, so that no node of a tree can stand in for another kind of node.
 */
import { concat, utf8 } from '../bytes.ts'
import type { Crypto, Hasher } from '../crypto.ts'
import { type ByteString, digestOf, sha256Of } from './byte-string.ts'
import { ByteWriter } from './byte-writer.ts'
import type { Profile } from './profile.ts'

const KINDS = [
  'leaf',
  'dir',
  'layer',
  'ann',
  'config',
  'image',
  'rootfs',
  'rootfs-image',
  'index',
] as const

export type HashKind = (typeof KINDS)[number]

export class TaggedHash {
  readonly #crypto: Crypto
  readonly #prefixes: ReadonlyMap<HashKind, Uint8Array>
  readonly #writer = new ByteWriter()

  constructor(components: { readonly crypto: Crypto }, init: { readonly profile: Profile }) {
    this.#crypto = components.crypto
    this.#prefixes = new Map(
      KINDS.map((kind) => {
        const tag = this.#crypto.sha256(utf8(`${init.profile.id}\0${kind}`))
        return [kind, concat(tag, tag)]
      }),
    )
  }

  /** T(kind, what `encode` writes), 32 bytes. `encode` may hash only if it has a writer of its own. */
  hash(kind: HashKind, encode: (writer: ByteWriter) => void, own = this.#writer): ByteString {
    const prefix = this.#prefixes.get(kind)
    if (prefix === undefined) throw new Error(`no hash prefix for ${kind}`)
    let hasher: Hasher | undefined
    const writer = own.reset((bytes) => {
      hasher ??= this.#crypto.createSha256()
      hasher.update(bytes)
    })
    encode(writer.raw(prefix))
    if (hasher === undefined) return sha256Of(this.#crypto, writer.bytes)
    hasher.update(writer.bytes)
    return digestOf(hasher)
  }
}
