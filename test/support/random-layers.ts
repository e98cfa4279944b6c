/** Seeded layers of one image, with few names, so that they replace, hide and remove each other. */
import type { SeededRandom } from './seeded-random.ts'
import { tryLayer } from './read-layer.ts'
import { makeTar, type TarMember } from './tar-writer.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e f', 'é']
const MODES = [0o644, 0o755, 0o600, 0o4755, 0o2711, 0o1777, 0o000]
const MAX_DEPTH = 3

/** Layers that the profile accepts, lowest first; whether they flatten is left open. */
export function randomLayers(random: SeededRandom, count: number): readonly TarMember[][] {
  return Array.from({ length: count }, () => randomLayer(random))
}

/** Entries of one layer, as likely refused as accepted. */
export function randomMembers(random: SeededRandom, most: number): readonly TarMember[] {
  const members: TarMember[] = []
  const wanted = 1 + random.integer(most)
  for (let i = 0; i < wanted; i++) members.push(randomMember(random, members))
  return members
}

function randomLayer(random: SeededRandom): TarMember[] {
  const members: TarMember[] = []
  const wanted = 1 + random.integer(14)
  for (let i = 0; i < wanted; i++) {
    const more = [...members, randomMember(random, members)]
    // What the profile refuses beside the rest is left away.
    if ('digest' in tryLayer(makeTar(more))) members.push(...more.slice(members.length))
  }
  return members
}

function randomPath(random: SeededRandom): string {
  const depth = 1 + random.integer(MAX_DEPTH)
  return Array.from({ length: depth }, () => random.pick(NAMES)).join('/')
}

function randomMember(random: SeededRandom, before: readonly TarMember[]): TarMember {
  const path = randomPath(random)
  const [parent, name] = splitPath(path)
  const meta = {
    mode: random.pick(MODES),
    uid: random.integer(3) * 1000,
    gid: random.integer(70_000),
    mtime: random.integer(2 ** 31),
  }
  const kind = random.integer(20)
  if (kind < 5) return { path: `${path}/`, type: 'directory', ...meta }
  if (kind < 10)
    return { path, content: 'x'.repeat(random.integer(900)), ...meta, ...xattr(random) }
  if (kind < 12) return { path, type: 'symlink', linkname: randomPath(random), ...meta }
  if (kind < 15) return { path: `${parent}.wh.${name}` }
  if (kind < 17) return { path: `${path}/.wh..wh..opq` }
  if (kind < 18) return { path, type: 'fifo', ...meta }
  const files = before.filter(
    ({ type, path: each }) =>
      type === undefined && typeof each === 'string' && !each.includes('.wh.'),
  )
  if (files.length === 0) return { path, ...meta }
  const { content: _content, pax: _pax, path: target, ...same } = random.pick(files)
  return { ...same, path, type: 'hardlink', linkname: target }
}

function xattr(random: SeededRandom): Pick<TarMember, 'pax'> {
  return random.chance(0.3) ? { pax: { 'SCHILY.xattr.user.k': String(random.integer(9)) } } : {}
}

function splitPath(path: string): readonly [parent: string, name: string] {
  const at = path.lastIndexOf('/') + 1
  return [path.slice(0, at), path.slice(at)]
}
