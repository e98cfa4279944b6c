/** What GNU tar, libarchive and Python make of one folder, as a layer of owner 7:8. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export type Order = 'sorted' | 'reversed'
export type Dialect = 'ustar' | 'gnu' | 'pax'

export interface Packing {
  readonly dialect: Dialect
  readonly order: Order
  /** Seconds, for every entry; as on disk where it is not given. */
  readonly mtime?: number
}

export const OWNER = { uid: 7, gid: 8 } as const

const PYTHON = fileURLToPath(new URL('referee/pack.py', import.meta.url))
const MAX_BYTES = 64 * 1024 * 1024

function run(command: string, args: readonly string[], input?: Buffer): Buffer {
  return execFileSync(command, args, {
    ...(input === undefined ? {} : { input }),
    maxBuffer: MAX_BYTES,
    env: { ...process.env, LC_ALL: 'C.UTF-8' },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
}

/** Every path beneath `folder`, each after its parent or, reversed, before it. */
function paths(folder: string, order: Order): Buffer {
  const found = run('find', [folder, '-mindepth', '1', '-printf', '%P\\0']).toString('latin1')
  const sorted = found.split('\0').slice(0, -1).sort()
  if (order === 'reversed') sorted.reverse()
  return Buffer.from(sorted.map((path) => `${path}\0`).join(''), 'latin1')
}

export function packWithGnuTar(folder: string, packing: Packing, ...more: string[]): Buffer {
  const { dialect, order, mtime } = packing
  const options = [
    `--format=${dialect}`,
    `--owner=someone:${OWNER.uid}`,
    `--group=some:${OWNER.gid}`,
    ...(mtime === undefined ? [] : [`--mtime=@${mtime}`]),
    ...more,
  ]
  const list = ['--null', '--no-recursion', '--verbatim-files-from', '-T', '-']
  return run('tar', ['-C', folder, ...options, ...list, '-cf', '-'], paths(folder, order))
}

const LIBARCHIVE = { ustar: 'ustar', gnu: 'gnutar', pax: 'pax' } as const

/** libarchive takes times from the disk alone. */
export function packWithBsdtar(
  folder: string,
  { dialect, order }: Packing,
  ...more: string[]
): Buffer {
  const options = [
    `--format=${LIBARCHIVE[dialect]}`,
    ...['--uid', String(OWNER.uid), '--gid', String(OWNER.gid), '--no-fflags'],
    ...(more.length === 0 ? ['--no-xattrs'] : more),
    ...['--null', '-n', '-T', '-'],
  ]
  return run('bsdtar', ['-C', folder, ...options, '-cf', '-'], paths(folder, order))
}

export function packWithPython(folder: string, { dialect, order, mtime }: Packing): Buffer {
  const args = [PYTHON, folder, dialect, String(OWNER.uid), String(OWNER.gid), String(mtime ?? '')]
  return run('python3', args, paths(folder, order))
}
