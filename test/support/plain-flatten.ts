/**
 * Flattening as README.md of protocol/normalize says it, step by step on maps that hold everything:
 * slow, without a thought for memory, and so a referee of the product's.
 */
import { fromByteString, type ByteString } from '../../protocol/normalize/byte-string.ts'
import { escapePath } from '../../protocol/escape-path.ts'
import { hashDirectoryOf, hashLeaf } from '../../protocol/normalize/node-encoding.ts'
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import type { Profile } from '../../protocol/normalize/profile.ts'
import type { TaggedHash } from '../../protocol/normalize/tagged-hash.ts'
import type { DirectoryNode, InodeNode, Meta } from '../../protocol/normalize/tree.ts'

interface Folder {
  readonly kind: 'directory'
  meta: Meta
  readonly children: Map<ByteString, Folder | InodeNode>
}

type Code = NormalizeError['code']

const FILES = ['etc/hosts', 'etc/hostname', 'etc/resolv.conf', '.dockerenv', 'run/.containerenv']
const FOLDERS = ['dev', 'proc', 'sys', 'run']

function withoutDriver(meta: Meta): Meta {
  const isOurs = (key: string) => !/^(trusted|user)\.overlay\./.test(key)
  return { ...meta, xattrs: meta.xattrs.filter(({ key }) => isOurs(key)) }
}

/** Throws NormalizeError. */
export function plainFlatten(
  layers: readonly DirectoryNode[],
  profile: Profile,
  hasher: TaggedHash,
): DirectoryNode {
  const implied = (): Folder => {
    const mtime = profile.mtimeClamp === undefined ? undefined : 0
    const meta = { mode: 0o755, uid: 0, gid: 0, mtime, xattrs: [], records: [] }
    return { kind: 'directory', meta, children: new Map() }
  }
  const root = implied()
  const lay = (target: Folder, upper: DirectoryNode, layer: number, prefix: string): void => {
    const fail = (code: Code, name: string): never => {
      throw new NormalizeError(code, '', { layer, path: escapePath(fromByteString(prefix + name)) })
    }
    if (upper.opaque) target.children.clear()
    if (upper.meta !== undefined) target.meta = withoutDriver(upper.meta)
    for (const [name, node] of upper.children) {
      if (node.kind === 'whiteout') target.children.delete(name)
      else if (node.kind === 'directory') {
        let below = target.children.get(name)
        if (below !== undefined && below.kind !== 'directory') {
          if (node.meta === undefined || node.late) {
            const symlink = below.kind === 'symlink'
            fail(symlink ? 'flatten-symlink-parent' : 'flatten-parent-not-directory', name)
          }
          below = undefined
        }
        below ??= implied()
        target.children.set(name, below)
        lay(below, node, layer, `${prefix}${name}/`)
      } else {
        if (node.kind === 'xlink') fail('flatten-hardlink', name)
        const device = node.kind === 'char' && node.major === 0 && node.minor === 0
        if (device) fail('flatten-device-0-0', name)
        target.children.set(name, node)
      }
    }
  }
  for (const [layer, tree] of layers.entries()) lay(root, tree, layer, '')
  const remove = (path: string, isEmpty: (node: Folder | InodeNode) => boolean): void => {
    const [first = '', second] = path.split('/')
    const top = root.children.get(first)
    const [folder, name] = second === undefined ? [root, first] : [top, second]
    if (folder?.kind !== 'directory') return
    const node = folder.children.get(name)
    if (node !== undefined && isEmpty(node)) folder.children.delete(name)
  }
  for (const path of FILES) remove(path, (node) => node.kind === 'file' && node.size === 0)
  for (const path of FOLDERS) {
    remove(path, (node) => node.kind === 'directory' && node.children.size === 0)
  }
  const finishLeaf = (node: InodeNode, path: string): InodeNode => {
    const own = { ...node, meta: withoutDriver(node.meta), group: undefined }
    const leaf = own.kind === 'file' ? { ...own, dropped: profile.drop.has(path) } : own
    return { ...leaf, hash: hashLeaf(hasher, leaf) }
  }
  const finish = ({ meta, children }: Folder, prefix: string): DirectoryNode => {
    const sorted = [...children].sort(([a], [b]) => (a < b ? -1 : 1))
    const done = new Map(
      sorted.map(([name, node]) => [
        name,
        node.kind === 'directory'
          ? finish(node, `${prefix}${name}/`)
          : finishLeaf(node, prefix + name),
      ]),
    )
    const hash = hashDirectoryOf(hasher, { meta, opaque: false }, done.size, (write) => {
      for (const [name, node] of done) write(name, node.kind, node.hash)
    })
    const rest = { opaque: false, late: false, plain: false, children: done }
    return { kind: 'directory', meta, hash, ...rest }
  }
  return finish(root, '')
}
