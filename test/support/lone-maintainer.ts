/**
 * One real node that announces, rebuilds and believes itself, a registry, and a project of a few
 * lines: the smallest setting in which a release comes to a verdict.
 */
import { execFileSync } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DemoNode, runCommand, type CommandResult } from '../../cli/demo/demo-node.ts'
import { demoProjectFile } from '../../cli/demo/demo-project.ts'
import { LocalRegistry } from '../../cli/demo/local-registry.ts'
import { Publisher } from '../../cli/demo/publisher.ts'
import type { QueueItem } from '../../node/http/node-service.ts'
import { readProjectText } from '../../node/project-files.ts'
import { hostPlatform } from '../../node/system/host.ts'
import { resolveTemplate } from '../../protocol/recipe-template.ts'
import { createSmallProject } from './small-project.ts'
import { waitFor } from './wait-for.ts'

const START = ['--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns', '--network', 'test']
const BUILD_DEADLINE_MS = 120_000

export class LoneMaintainer<Name extends string> {
  readonly root: string
  readonly node: DemoNode
  registry: LocalRegistry
  readonly image: string
  readonly projectFile: string
  /** By the name of the Dockerfile. */
  readonly commits: Readonly<Record<Name, string>>
  readonly #mounted: boolean
  readonly #publisher: Publisher

  private constructor(parts: {
    root: string
    node: DemoNode
    registry: LocalRegistry
    projectFile: string
    commits: Readonly<Record<Name, string>>
    mounted: boolean
    publisher: Publisher
  }) {
    this.root = parts.root
    this.node = parts.node
    this.registry = parts.registry
    this.image = `${parts.registry.host}/test/app`
    this.projectFile = parts.projectFile
    this.commits = parts.commits
    this.#mounted = parts.mounted
    this.#publisher = parts.publisher
  }

  /**
   * `diskMb`: builds get a disk of this size. The steps of each Dockerfile stand under its name, and
   * reach the hosts of `egress`, none where absent. `build`: lines of the table [build] of its settings.
   */
  static async start<Name extends string>(options: {
    readonly dockerfiles: Readonly<Record<Name, readonly string[]>>
    readonly diskMb?: number
    readonly egress?: readonly string[]
    readonly build?: readonly string[]
  }): Promise<LoneMaintainer<Name>> {
    const root = await mkdtemp(join(tmpdir(), 'rebuildnet-lone-'))
    const registry = await LocalRegistry.start(join(root, 'registry'))
    const publisher = new Publisher(join(root, 'publisher'), registry.host, hostPlatform())
    const base = await publisher.publishBase('test/base', new AbortController().signal)
    const commits = await createSmallProject(join(root, 'source'), base, options.dockerfiles)
    const node = new DemoNode({ name: 'lone', folder: join(root, 'lone'), groups: [] })
    await node.init()
    await node.trust([node], 1)
    // Alone there is nobody who could say that nothing is hidden.
    const policy = join(node.folder, 'policy.toml')
    const written = await readFile(policy, 'utf8')
    await writeFile(policy, written.replace('freshness = "required"', 'freshness = "off"'))
    // Alone there is nobody to commit oneself to: results are said at once.
    const config = join(node.folder, 'config.toml')
    const settings = `blind_votes = false\n${await readFile(config, 'utf8')}`
    const build = ['[build]', ...(options.build ?? [])].join('\n')
    await writeFile(config, settings.replace('[build]', build))
    if (options.diskMb !== undefined) {
      const size = `size=${options.diskMb}m`
      execFileSync('mount', ['-t', 'tmpfs', '-o', size, 'tmpfs', join(node.folder, 'work')])
    }
    const projectFile = join(root, 'project.toml')
    const text = demoProjectFile({
      image: `${registry.host}/test/app`,
      repository: `git+file://${join(root, 'source')}`,
      announcer: node.operator,
      insecure: ['file'],
      platform: hostPlatform(),
    })
    const egress = `egress = ${JSON.stringify(options.egress ?? [])}`
    await writeFile(
      projectFile,
      options.egress === undefined ? text : text.replace('network = "none"', egress),
    )
    await node.command('follow', projectFile, '--yes', '--trust-recipe')
    await node.start(START)
    const mounted = options.diskMb !== undefined
    return new LoneMaintainer({ root, node, registry, projectFile, commits, mounted, publisher })
  }

  async stop(): Promise<void> {
    await this.node.stop()
    await this.registry.stop()
    if (this.#mounted) execFileSync('umount', [join(this.node.folder, 'work')])
    await rm(this.root, { recursive: true, force: true })
  }

  startNode(): Promise<void> {
    return this.node.start(START)
  }

  /** Any command on its data folder, however it ends. */
  run(...args: string[]): Promise<CommandResult> {
    return runCommand([...args, '--data', this.node.folder])
  }

  /** Builds a commit as the project's own pipeline does, pushes it, returns it by digest. */
  async publish(name: Name, tag: string, projectText: string): Promise<string> {
    const { recipe } = readProjectText(projectText, 'project')
    const source = {
      repository: `git+file://${join(this.root, 'source')}`,
      commit: this.commits[name],
    }
    const layout = await this.#publisher.build(
      source,
      (commitTime) => resolveTemplate(recipe, { annotations: {}, labels: {}, commitTime }),
      this.image,
      new AbortController().signal,
    )
    return this.#publisher.push(layout, `${this.image}:${tag}`)
  }

  /** Announces a commit, or whatever is given in its place. */
  announce(version: string, commit: string, published?: string): Promise<CommandResult> {
    return this.run(
      ...['announce', this.image, '--version', version, '--commit', commit],
      ...['--ref', 'refs/heads/main'],
      ...(published === undefined ? [] : ['--published', published]),
    )
  }

  async item(version: string): Promise<QueueItem | undefined> {
    const items = await this.node.json<readonly QueueItem[]>('queue', 'ls')
    return items.find((item) => item.version === version)
  }

  /** Waits until the rebuild of a version is in one of these states. */
  until(version: string, ...states: QueueItem['state'][]): Promise<QueueItem> {
    return waitFor(
      `${version} is ${states.join(' or ')}`,
      async () => {
        const item = await this.item(version)
        return item !== undefined && states.includes(item.state) ? item : undefined
      },
      { deadlineMs: BUILD_DEADLINE_MS },
    )
  }

  /** What it has published, by kind. */
  async published(
    kind: string,
  ): Promise<readonly { readonly sid: string; readonly body: object }[]> {
    const log = await this.node.json<readonly { kind: string; sid: string; body: object }[]>('log')
    return log.filter((statement) => statement.kind === kind)
  }
}
