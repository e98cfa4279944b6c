/** What differs between two trees. Equal hashes are equal trees: only the others are opened. */
import { toHex } from '../bytes.ts'
import { escapePath } from '../escape-path.ts'
import type { JsonValue } from '../json.ts'
import { type ByteString, compareByteStrings, fromByteString } from './byte-string.ts'
import { knownCause } from './known-cause.ts'
import { equalAttributes } from './meta.ts'
import type { Attribute, DirectoryNode, Meta, TreeNode } from './tree.ts'

/** What about a path differs. The last four are of the image and not of a file. */
type DifferenceAspect =
  | 'added'
  | 'removed'
  | 'kind'
  | 'content'
  | 'mode'
  | 'owner'
  | 'mtime'
  | 'xattr'
  | 'record'
  | 'link'
  | 'hardlink'
  | 'device'
  | 'explicit'
  | 'opaque'
  | 'config'
  | 'annotation'
  | 'layers'
  | 'rootfs'

type DifferenceValues = Readonly<Record<string, JsonValue>>

export interface Difference {
  /**
   * Escaped path without a leading slash, `''` for the root or the whole image; for `config` the
   * dotted key, for `annotation` its key.
   */
  readonly path: string
  /** Index of the layer; null for the flattened tree and for what belongs to the whole image. */
  readonly layer: number | null
  readonly what: readonly DifferenceAspect[]
  /** The values that differ, or all of them for what is added or removed. */
  readonly a?: DifferenceValues
  readonly b?: DifferenceValues
  /**
   * Only in a report that is kept or given to others: names of values that are too long to be
   * listed and are in neither `a` nor `b`; `path`, where `path` is only its beginning.
   */
  readonly omitted?: readonly string[]
  /** A well-known reason for the content of files such as this one to differ. */
  readonly cause?: string
}

/** Differences in the order of their paths, parents first. An absent tree is an empty one. */
export function* diffTrees(
  a: DirectoryNode | undefined,
  b: DirectoryNode | undefined,
  layer: number | null,
  visit?: () => void,
): Generator<Difference> {
  if (a?.hash === b?.hash) return
  const walk = { layer, visit }
  if (a !== undefined && b !== undefined) yield* diffNodes(a, b, '', walk)
  else yield* diffChildren(a?.children, b?.children, '', walk)
}

interface Walk {
  readonly layer: number | null
  /** Called for each pair of nodes; may throw to give up. */
  readonly visit: (() => void) | undefined
}

type Children = ReadonlyMap<ByteString, TreeNode>
const NO_CHILDREN: Children = new Map()

function* diffChildren(
  a: Children = NO_CHILDREN,
  b: Children = NO_CHILDREN,
  prefix: ByteString,
  walk: Walk,
): Generator<Difference> {
  for (const name of [...new Set([...a.keys(), ...b.keys()])].sort(compareByteStrings)) {
    walk.visit?.()
    const [inA, inB] = [a.get(name), b.get(name)]
    if (inA?.hash === inB?.hash && inA?.kind === inB?.kind) continue
    const path = prefix + name
    if (inA === undefined) yield* listAll(inB, path, walk, 'added')
    else if (inB === undefined) yield* listAll(inA, path, walk, 'removed')
    else yield* diffNodes(inA, inB, path, walk)
  }
}

function* diffNodes(a: TreeNode, b: TreeNode, path: ByteString, walk: Walk): Generator<Difference> {
  const what = compareNodes(a, b)
  if (what.length > 0) {
    const all = what.includes('kind')
    const [valuesA, valuesB] = [describe(a), describe(b)]
    yield {
      path: escapePath(fromByteString(path)),
      layer: walk.layer,
      what,
      a: all ? valuesA : pickDifferent(valuesA, valuesB),
      b: all ? valuesB : pickDifferent(valuesB, valuesA),
      ...causeOf(path, what),
    }
  }
  const prefix = path === '' ? '' : `${path}/`
  yield* diffChildren(childrenOf(a), childrenOf(b), prefix, walk)
}

function* listAll(
  node: TreeNode | undefined,
  path: ByteString,
  walk: Walk,
  what: 'added' | 'removed',
): Generator<Difference> {
  if (node === undefined) return
  walk.visit?.()
  yield {
    path: escapePath(fromByteString(path)),
    layer: walk.layer,
    what: [what],
    [what === 'added' ? 'b' : 'a']: describe(node),
    ...causeOf(path, [what]),
  }
  for (const [name, child] of childrenOf(node) ?? []) {
    yield* listAll(child, `${path}/${name}`, walk, what)
  }
}

function childrenOf(node: TreeNode): Children | undefined {
  return node.kind === 'directory' ? node.children : undefined
}

function causeOf(path: ByteString, what: readonly DifferenceAspect[]): { cause?: string } {
  const asked = what.some((each) => each === 'content' || each === 'added' || each === 'removed')
  const cause = asked ? knownCause(escapePath(fromByteString(path))) : undefined
  return cause === undefined ? {} : { cause }
}

function compareNodes(a: TreeNode, b: TreeNode): DifferenceAspect[] {
  if (a.kind !== b.kind) return ['kind']
  const what: DifferenceAspect[] = []
  if (a.kind === 'file' && b.kind === 'file') {
    const same = a.dropped === b.dropped && (a.dropped || a.content === b.content)
    if (!same) what.push('content')
  } else if ((a.kind === 'symlink' || a.kind === 'xlink') && 'target' in b) {
    if (a.target !== b.target) what.push('link')
  } else if ('major' in a && 'major' in b) {
    if (a.major !== b.major || a.minor !== b.minor) what.push('device')
  } else if (a.kind === 'directory' && b.kind === 'directory') {
    if ((a.meta === undefined) !== (b.meta === undefined)) what.push('explicit')
    if (a.opaque !== b.opaque) what.push('opaque')
  }
  if ('group' in a && 'group' in b && a.group !== b.group) what.push('hardlink')
  if ('meta' in a && 'meta' in b && a.meta !== undefined && b.meta !== undefined) {
    what.push(...compareMetas(a.meta, b.meta))
  }
  return what
}

function compareMetas(a: Meta, b: Meta): DifferenceAspect[] {
  const what: DifferenceAspect[] = []
  if (a.mode !== b.mode) what.push('mode')
  if (a.uid !== b.uid || a.gid !== b.gid) what.push('owner')
  if (a.mtime !== b.mtime) what.push('mtime')
  if (!equalAttributes(a.xattrs, b.xattrs)) what.push('xattr')
  if (!equalAttributes(a.records, b.records)) what.push('record')
  return what
}

/** A node's own values, as a report prints them. */
function describe(node: TreeNode): DifferenceValues {
  if (node.kind === 'whiteout') return { kind: node.kind }
  const values: Record<string, JsonValue> = { kind: node.kind }
  if (node.kind === 'directory') {
    values.explicit = node.meta !== undefined
    values.opaque = node.opaque
  } else {
    if (node.kind === 'file') {
      values.size = node.dropped ? null : node.size
      values.content = node.dropped ? 'dropped' : toHex(fromByteString(node.content))
    } else if (node.kind === 'symlink' || node.kind === 'xlink') {
      values.target = escapePath(fromByteString(node.target))
    } else if (node.kind !== 'fifo') {
      values.device = `${node.major}:${node.minor}`
    }
    values.hardlink = node.group === undefined ? null : escapePath(fromByteString(node.group))
  }
  if (node.meta === undefined) return values
  const { mode, uid, gid, mtime, xattrs, records } = node.meta
  values.mode = mode.toString(8).padStart(4, '0')
  values.uid = uid
  values.gid = gid
  if (mtime !== undefined) values.mtime = mtime
  values.xattrs = describeAttributes(xattrs)
  values.records = describeAttributes(records)
  return values
}

function describeAttributes(attributes: readonly Attribute[]): JsonValue {
  const out: Record<string, JsonValue> = {}
  for (const { key, value } of attributes) {
    out[escapePath(fromByteString(key))] = escapePath(fromByteString(value))
  }
  return out
}

function pickDifferent(values: DifferenceValues, others: DifferenceValues): DifferenceValues {
  return Object.fromEntries(
    Object.entries(values).filter(
      ([key, value]) => JSON.stringify(value) !== JSON.stringify(others[key]),
    ),
  )
}
