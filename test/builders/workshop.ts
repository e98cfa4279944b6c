/** What the builder suite works with: sources on disk, jobs, and a look into what came out. */
import { spawnSync } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, readdir, readFile, writeFile } from 'node:fs/promises'
import { readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { defaultBuildLimits, type BuildJob, type BuildLimits } from '../../node/rebuild/builder.ts'
import { removeWorkFolder } from '../../node/rebuild/work-folder.ts'
import { hostPlatform } from '../../node/system/host.ts'
import { findTool } from '../../node/system/packages.ts'
import type { Recipe } from '../../protocol/recipe.ts'

/** Lines that give a stage a shell out of the `busybox` in the context. */
export const SHELL_BASE = `FROM scratch AS shell
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
`

export const EPOCH = 1_700_000_000

export class Workshop {
  readonly folder: string

  private constructor(folder: string) {
    this.folder = folder
  }

  static async open(): Promise<Workshop> {
    return new Workshop(await mkdtemp(join(tmpdir(), 'rebuildnet-builder-')))
  }

  async close(): Promise<void> {
    await removeWorkFolder(this.folder)
  }

  /** A source folder with a static busybox and these files, each time in another place. */
  async makeSource(files: Readonly<Record<string, string>>): Promise<string> {
    const source = await mkdtemp(join(this.folder, 'source-'))
    const busybox = findTool('busybox')
    if (busybox !== undefined) await copyFile(busybox, join(source, 'busybox'))
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(join(source, name)), { recursive: true })
      await writeFile(join(source, name), text)
    }
    return source
  }

  async makeJob(
    sourceDirectory: string,
    recipe: Partial<Recipe> = {},
    limits: Partial<BuildLimits> = {},
    job: Partial<BuildJob> = {},
  ): Promise<BuildJob> {
    // With a path as long as below a node's data folder: sockets and programs have limits on it.
    const work = join(this.folder, 'work', `0123456789ab-${randomUUID()}`)
    await mkdir(work, { recursive: true })
    const workDirectory = await mkdtemp(join(work, 'build-'))
    return {
      sourceDirectory,
      workDirectory,
      recipe: {
        builders: [{ name: 'buildah' }],
        dockerfile: 'Dockerfile',
        context: '.',
        sourceDateEpoch: EPOCH,
        ...recipe,
      },
      platform: hostPlatform(),
      commit: '0'.repeat(40),
      logFile: `${workDirectory}.log`,
      limits: { ...defaultBuildLimits, timeoutMs: 100_000, minFreeBytes: 0, ...limits },
      insecureRegistries: [],
      image: 'registry.example/project/app',
      ...job,
    }
  }
}

export interface Descriptor {
  readonly digest: string
  readonly annotations?: Readonly<Record<string, string>>
}

export interface Layout {
  readonly folder: string
  readonly manifestDigest: string
  readonly manifest: {
    readonly layers: readonly Descriptor[]
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly config: {
    readonly created: string
    readonly config: { readonly Env?: readonly string[] }
  }
}

/** Reads `oci:DIR:tag`. */
export async function readLayout(image: string): Promise<Layout> {
  const folder = image.split(':')[1] ?? ''
  const blob = (digest: string) => join('blobs', digest.replace(':', '/'))
  const json = async (path: string): Promise<unknown> =>
    JSON.parse(await readFile(join(folder, path), 'utf8'))
  const index = (await json('index.json')) as { manifests: readonly [Descriptor] }
  const manifestDigest = index.manifests[0].digest
  const manifest = (await json(blob(manifestDigest))) as Layout['manifest'] & { config: Descriptor }
  const config = (await json(blob(manifest.config.digest))) as Layout['config']
  return { folder, manifestDigest, manifest, config }
}

/** Every entry of every layer, as tar prints them, lowest layer first. */
export function listEntries({ folder, manifest }: Layout): string {
  return manifest.layers
    .map(({ digest }) =>
      tar(['-tvz', '--utc', '--full-time', '-f', join(folder, 'blobs', digest.replace(':', '/'))]),
    )
    .join('')
}

/** The text of a file in the topmost layer that holds it. */
export function readEntry({ folder, manifest }: Layout, path: string): string | undefined {
  for (const { digest } of manifest.layers.toReversed()) {
    const blob = join(folder, 'blobs', digest.replace(':', '/'))
    if (tar(['-tz', '-f', blob]).split('\n').includes(path)) return tar(['-xzO', '-f', blob, path])
  }
  return undefined
}

function tar(args: readonly string[]): string {
  return spawnSync('tar', args, { encoding: 'utf8', maxBuffer: 1 << 28 }).stdout
}

/** Processes of this machine whose command line holds `words`. */
export function findProcesses(words: string): readonly number[] {
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => {
      if (!Number.isInteger(pid) || pid === process.pid) return false
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').includes(words)
      } catch {
        return false
      }
    })
}

export async function listFolder(folder: string): Promise<readonly string[]> {
  return (await readdir(folder)).sort()
}
