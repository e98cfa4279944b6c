/**
 * A project whose announcer is one real node: a git repository behind git's own smart server, and a
 * real registry behind a proxy that remembers what it was asked.
 */
import { appendFile } from 'node:fs/promises'
import { createServer, request as ask, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import type { NodeService, ReleaseSummary } from '../../node/http/node-service.ts'
import type { WatchedTag, WatchSummary } from '../../node/http/watch-summary.ts'
import { createRegistryClient } from '../../node/image/create-registry-client.ts'
import { openOfflineService } from '../../node/node.ts'
import { Repository, serveSmart, type TestServer } from '../integration/source-server.ts'
import { makeImage, pushImage } from './oci-image.ts'
import { makeNodeFolder, type NodeFolder } from './real-node.ts'
import { makeTar } from './tar-writer.ts'
import { temporaryFolder } from './temporary-store.ts'

export interface SeenRequest {
  readonly line: string
  readonly headers: IncomingHttpHeaders
  readonly status: number
}

/** Passes requests on to a registry, and remembers them. */
async function startProxy(target: string) {
  const requests: SeenRequest[] = []
  const [hostname, port] = target.split(':')
  const server = createServer((incoming, outgoing) => {
    const { method, url: path, headers } = incoming
    const passed = ask({ hostname, port, method, path, headers }, (answer) => {
      const status = answer.statusCode ?? 0
      requests.push({ line: `${method ?? ''} ${path ?? ''}`, headers, status })
      outgoing.writeHead(status, answer.headers)
      answer.pipe(outgoing)
    })
    passed.on('error', () => outgoing.destroy())
    incoming.pipe(passed)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, requests }
}

export class WatchedSetting {
  readonly node: NodeFolder
  readonly repository: Repository
  readonly git: TestServer
  readonly requests: SeenRequest[]
  readonly image: string
  readonly #published: string
  #open: { readonly service: NodeService; close(): Promise<void> } | undefined

  private constructor(parts: {
    node: NodeFolder
    repository: Repository
    git: TestServer
    proxy: { readonly host: string; readonly requests: SeenRequest[] }
    registry: string
    name: string
  }) {
    this.node = parts.node
    this.repository = parts.repository
    this.git = parts.git
    this.requests = parts.proxy.requests
    this.image = `${parts.proxy.host}/${parts.name}`
    this.#published = `${parts.registry}/${parts.name}`
  }

  /** `name`: of the image in a registry that others may use as well. */
  static async start(registry: string, name: string): Promise<WatchedSetting> {
    const root = await temporaryFolder()
    const repository = new Repository(join(root, 'app'))
    const base = `registry.example/base@sha256:${'1'.repeat(64)}`
    repository.write('Dockerfile', `FROM ${base}\n`)
    repository.commit('first')
    const git = await serveSmart(root)
    onTestFinished(() => git.stop())
    const proxy = await startProxy(registry)
    const node = await makeNodeFolder('ada')
    await appendFile(join(node.root, 'config.toml'), 'log_level = "silent"\n')
    const setting = new WatchedSetting({ node, repository, git, proxy, registry, name })
    onTestFinished(() => setting.stop())
    return setting
  }

  /** Follows the project by these rules, and looks for the first time. */
  async watch(rules: string, announcers = [this.node.operator.id]): Promise<WatchSummary> {
    const service = await this.service()
    await service.follow({ projectFile: this.projectFile(rules, announcers), ...TERMS })
    return this.poll()
  }

  projectFile(rules: string, announcers = [this.node.operator.id]): string {
    return `format = 1
image = "${this.image}"
platforms = ["linux/amd64"]
source = "git+${this.git.url}/app/.git"
announcers = ${JSON.stringify(announcers)}
[recipe]
builders = [{ name = "buildah" }]
[watch]
${rules}
`
  }

  async service(): Promise<NodeService> {
    this.#open ??= await openOfflineService(this.node.root)
    return this.#open.service
  }

  async poll(): Promise<WatchSummary> {
    return (await this.service()).pollWatch(this.image, new AbortController().signal)
  }

  /** What became of a tag. */
  async tag(name: string, source?: 'git' | 'registry'): Promise<WatchedTag | undefined> {
    const [watch] = await (await this.service()).watches()
    return watch?.tags.find((each) => each.tag === name && (source ?? each.source) === each.source)
  }

  async releases(): Promise<readonly ReleaseSummary[]> {
    return (await this.service()).releases({ image: this.image })
  }

  /** The process ends; the next call begins another. */
  async stop(): Promise<void> {
    await this.#open?.close()
    this.#open = undefined
  }

  /** Pushes an image of this content, past the proxy; returns its digest. */
  async push(tag: string, content: string, labels: Readonly<Record<string, string>> = {}) {
    const client = createRegistryClient({ crypto: nodeCrypto, env: {} })
    try {
      const image = makeImage({
        layers: [{ tar: makeTar([{ path: 'etc/motd', content }]) }],
        config: { config: { Labels: labels } },
      })
      await pushImage(client, `${this.#published}:${tag}`, image)
      return image.digest
    } finally {
      await client.close()
    }
  }
}

const TERMS = { build: false, trustRecipe: false, announce: true } as const
