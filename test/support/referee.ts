/**
 * What Python's tarfile, and an encoder written from the definition of the profile alone, say of
 * plain tars: test/support/referee/normalize_referee.py.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const SCRIPT = fileURLToPath(new URL('referee/normalize_referee.py', import.meta.url))
const MAX_OUTPUT_BYTES = 256 * 1024 * 1024

/** One name in a tree. Names, targets and attributes have one character a byte. */
export interface ListedEntry {
  readonly path: string
  readonly kind: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly xattrs: Readonly<Record<string, string>>
  readonly size?: number
  readonly sha256?: string
  readonly target?: string
  readonly major?: number
  readonly minor?: number
}

export interface RefereedLayer {
  readonly digest: string
  /** Of each entry of the tar that is no whiteout, in its order. */
  readonly entries: readonly ListedEntry[]
}

/** One reading of each tar. */
export function refereeLayers(
  files: readonly string[],
  profile = 'rebuildnet/1',
): readonly RefereedLayer[] {
  const lines = referee(['--profile', profile, 'layer', ...files]).trimEnd()
  return lines === '' ? [] : lines.split('\n').map((line) => JSON.parse(line) as RefereedLayer)
}

/** T("rootfs", …) of the tree that the layers make together, in hex. */
export function refereeRootfs(files: readonly string[]): string {
  return (JSON.parse(referee(['rootfs', ...files])) as { readonly hash: string }).hash
}

/** What lies in each folder; the folder itself has the path "". */
export function listDisks(folders: readonly string[]): readonly (readonly ListedEntry[])[] {
  const lines = referee(['disk', ...folders])
    .trimEnd()
    .split('\n')
  return lines.map((line) => JSON.parse(line) as readonly ListedEntry[])
}

export interface RefereedImage {
  readonly normalized: string
  readonly rootfs: string
}

export interface ImageToReferee {
  readonly canonical: string
  readonly annotations: Readonly<Record<string, string>>
  readonly layers: readonly {
    readonly file: string
    readonly annotations: Readonly<Record<string, string>>
  }[]
}

/** Both digests of each image whose config is `canonical`; which annotations count it knows itself. */
export function refereeImages(images: readonly ImageToReferee[]): readonly RefereedImage[] {
  const lines = referee(['image'], JSON.stringify(images)).trimEnd().split('\n')
  return lines.map((line) => JSON.parse(line) as RefereedImage)
}

function referee(args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync('python3', [SCRIPT, ...args], {
    encoding: 'utf8',
    input,
    maxBuffer: MAX_OUTPUT_BYTES,
  })
  if (status !== 0) throw new Error(`the referee failed: ${stderr}`)
  return stdout
}
