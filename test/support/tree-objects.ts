/** Objects of trees: those of whole images, and made ones that no image has. */
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { concat, parseHex, utf8 } from '../../protocol/bytes.ts'
import {
  type ByteString,
  fromByteString,
  toByteString,
} from '../../protocol/normalize/byte-string.ts'
import type { NormalizedImage } from '../../protocol/normalize/image.ts'
import { DEFAULT_PROFILE } from '../../protocol/normalize/profile.ts'
import { TaggedHash } from '../../protocol/normalize/tagged-hash.ts'
import type { ComparedImage, TreeComparison } from '../../protocol/normalize/tree-comparison.ts'
import {
  imageObjects,
  type ObjectKind,
  type TreeObject,
} from '../../protocol/normalize/tree-object.ts'

const hasher = new TaggedHash({ crypto: nodeCrypto }, { profile: DEFAULT_PROFILE })

export type ObjectMap = ReadonlyMap<ByteString, TreeObject>

export function objectMap(...images: readonly NormalizedImage[]): Map<ByteString, TreeObject> {
  const objects = images.flatMap((image) => [...imageObjects({ crypto: nodeCrypto }, image)])
  return new Map(objects.map((object) => [object.hash, object]))
}

export function hashOf(digest: string): ByteString {
  return toByteString(parseHex(digest.slice(-64))!)
}

export function comparedImage(image: NormalizedImage): ComparedImage {
  const { normalizedDigest, rootfsDigest } = image
  return {
    image: hashOf(normalizedDigest),
    rootfs: rootfsDigest === undefined ? undefined : hashOf(rootfsDigest),
  }
}

/** Gives the comparison all that it asks for; the number of rounds that took. */
export function answerFrom(objects: ObjectMap, comparison: TreeComparison): number {
  for (let rounds = 0; ; rounds++) {
    const wanted = comparison.wanted()
    if (wanted.length === 0) return rounds
    for (const { hash } of wanted) comparison.take(objects.get(hash)!)
  }
}

/** An object with its true hash, whatever is in it. */
export function makeObject(kind: ObjectKind, preimage: Uint8Array): TreeObject {
  return { kind, preimage, hash: hasher.hash(kind, (writer) => writer.raw(preimage)) }
}

/** A directory that is only implied. */
export function makeDirectory(
  children: readonly (readonly [name: string, child: TreeObject])[],
): TreeObject {
  const entries = children.map(([name, child]) =>
    concat(
      Uint8Array.of(name.length >> 8, name.length & 0xff),
      utf8(name),
      Uint8Array.of(child.kind === 'dir' ? 1 : (child.preimage[0] ?? 0)),
      fromByteString(child.hash),
    ),
  )
  return makeObject(
    'dir',
    concat(Uint8Array.of(0, 0, 0, 2, 1, 0), u32(children.length), ...entries),
  )
}

/** A file of 0644 root:root with this byte as its content. */
export function makeFile(byte: number): TreeObject {
  const meta = Uint8Array.of(2, 0x01, 0xa4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
  const size = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1)
  const content = nodeCrypto.sha256(Uint8Array.of(byte))
  return makeObject('leaf', concat(meta, size, content, Uint8Array.of(0)))
}

/** An image of one layer with this root directory. */
export function makeTreeImage(root: TreeObject): readonly TreeObject[] {
  const layer = makeObject('layer', fromByteString(root.hash))
  const config = makeObject('config', utf8('{"architecture":"amd64","os":"linux"}'))
  const ann = makeObject('ann', u32(0))
  const image = makeObject(
    'image',
    concat(
      ...[config, ann].map(({ hash }) => fromByteString(hash)),
      u32(1),
      ...[layer, ann].map(({ hash }) => fromByteString(hash)),
    ),
  )
  return [root, layer, config, ann, image]
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}
