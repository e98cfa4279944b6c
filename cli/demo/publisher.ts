/** What a project's own release pipeline does: builds the image by its recipe and pushes it. */
import { execFile } from 'node:child_process'
import { copyFile, mkdir, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Buildah } from '../../node/rebuild/buildah.ts'
import { BuildLog } from '../../node/rebuild/build-log.ts'
import { defaultBuildLimits } from '../../node/rebuild/builder.ts'
import { fetchSource } from '../../node/rebuild/source.ts'
import type { Recipe } from '../../protocol/recipe.ts'

const run = promisify(execFile)

const BUSYBOX = '/bin/busybox'
const LOG_BYTES = 1024 * 1024

const BASE_DOCKERFILE = `FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin && /bin/busybox mkdir -p /etc /usr/local/bin /usr/share /tmp"]
`

export class Publisher {
  readonly #folder: string
  readonly #registry: string
  readonly #platform: string
  readonly #insecure: readonly string[]

  /** `insecure`: hosts beside the registry that steps may reach at addresses that are not public. */
  constructor(
    folder: string,
    registry: string,
    platform: string,
    insecure: readonly string[] = [],
  ) {
    this.#insecure = insecure
    this.#folder = folder
    this.#registry = registry
    this.#platform = platform
  }

  /** Builds a small base image, pushes it, and returns its reference by digest. */
  async publishBase(repository: string, signal: AbortSignal): Promise<string> {
    const context = join(this.#folder, 'base')
    await mkdir(context, { recursive: true })
    await copyFile(BUSYBOX, join(context, 'busybox'))
    await writeFile(join(context, 'Dockerfile'), BASE_DOCKERFILE)
    return this.publishFolder(context, repository, signal)
  }

  /** Builds the Dockerfile in a folder without a network, pushes it, returns it by digest. */
  async publishFolder(context: string, repository: string, signal: AbortSignal): Promise<string> {
    const recipe: Recipe = {
      builders: [{ name: 'buildah' }],
      dockerfile: 'Dockerfile',
      context: '.',
      sourceDateEpoch: 0,
      network: 'none',
    }
    const image = `${this.#registry}/${repository}`
    const layout = await this.#build(context, recipe, image, signal)
    return this.push(layout, image)
  }

  /** Builds one commit; returns the folder of its OCI layout. */
  async build(
    source: { readonly repository: string; readonly commit: string },
    recipe: (commitTime: number) => Recipe,
    image: string,
    signal: AbortSignal,
  ): Promise<string> {
    await mkdir(this.#folder, { recursive: true })
    const folder = await mkdtemp(join(this.#folder, 'release-'))
    const { directory, commitTime } = await fetchSource(
      {
        ...source,
        directory: join(folder, 'source'),
        insecure: ['file'],
        log: new BuildLog(join(folder, 'source.log'), LOG_BYTES),
      },
      signal,
    )
    return this.#build(directory, recipe(commitTime), image, signal)
  }

  /** Pushes a layout to `name`, or `name:tag`; returns the reference by digest. */
  async push(layout: string, name: string): Promise<string> {
    const digestFile = `${layout}.digest`
    await run('skopeo', [
      'copy',
      '--quiet',
      '--preserve-digests',
      // A minimal system has no policy file, and this registry speaks plain http.
      '--insecure-policy',
      '--dest-tls-verify=false',
      `--digestfile=${digestFile}`,
      `oci:${layout}`,
      `docker://${name}`,
    ])
    const digest = (await readFile(digestFile, 'utf8')).trim()
    return `${name.replace(/:[^:/]+$/, '')}@${digest}`
  }

  async #build(
    source: string,
    recipe: Recipe,
    image: string,
    signal: AbortSignal,
  ): Promise<string> {
    await mkdir(this.#folder, { recursive: true })
    const work = await mkdtemp(join(this.#folder, 'build-'))
    const logFile = `${work}.log`
    const result = await new Buildah().build(
      {
        sourceDirectory: source,
        workDirectory: work,
        recipe,
        platform: this.#platform,
        commit: '',
        logFile,
        limits: defaultBuildLimits,
        insecureRegistries: [this.#registry, ...this.#insecure],
        image,
      },
      signal,
    )
    if (result.kind === 'failed') {
      throw new Error(`the release pipeline failed: ${result.message}\n${result.logTail}`)
    }
    const [, layout] = /^oci:([^:]+)/.exec(result.image) ?? []
    if (layout === undefined) throw new Error(`no OCI layout: ${result.image}`)
    return layout
  }
}
