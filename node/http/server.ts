/**
 * Puts the API where it can be reached: on a unix socket in the data folder (0600, in a folder that
 * is 0700), and on a loopback address if asked. node/http/README.md.
 */
import { randomBytes } from 'node:crypto'
import { chmod, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import { loadApiToken } from './api-token.ts'
import { createApp, type AppComponents, type AppOptions } from './app.ts'
import { HttpError } from './http-error.ts'
import type { Guard } from './request-guard.ts'
import { isAnswered, socketPath } from './socket-path.ts'

export interface HttpServerOptions extends Partial<Omit<AppOptions, 'guard' | 'run'>> {
  readonly dataFolder: string
  /** `127.0.0.1:PORT`, port 0 for a free one; only the unix socket where absent. */
  readonly listen?: string
  /** How long requests may go on after `stop`. */
  readonly graceMs?: number
}

const DEFAULT_GRACE_MS = 3_000

export class HttpServer {
  readonly #components: AppComponents
  readonly #options: HttpServerOptions
  readonly #socketPath: string
  #apps: FastifyInstance[] = []
  #port: number | undefined

  constructor(components: AppComponents, options: HttpServerOptions) {
    this.#components = components
    this.#options = options
    this.#socketPath = socketPath(options.dataFolder)
  }

  get socketPath(): string {
    return this.#socketPath
  }

  /** Port of the TCP listener, once started. */
  get port(): number | undefined {
    return this.#port
  }

  async start(): Promise<void> {
    try {
      await this.#listenOnSocket()
      if (this.#options.listen !== undefined) await this.#listenOnTcp(this.#options.listen)
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  /** Ends event streams, lets requests that run finish for a moment, then closes. */
  async stop(): Promise<void> {
    const apps = this.#apps
    this.#apps = []
    this.#port = undefined
    await Promise.all(apps.map((app) => this.#close(app)))
  }

  async #close(app: FastifyInstance): Promise<void> {
    const timer = setTimeout(
      () => app.server.closeAllConnections(),
      this.#options.graceMs ?? DEFAULT_GRACE_MS,
    )
    try {
      await app.close()
    } finally {
      clearTimeout(timer)
    }
  }

  async #createApp(guard?: Guard): Promise<FastifyInstance> {
    const { dataFolder: _dataFolder, listen: _listen, graceMs: _graceMs, ...limits } = this.#options
    const run = randomBytes(6).toString('hex')
    const app = await createApp(this.#components, {
      ...limits,
      run,
      ...(guard === undefined ? {} : { guard }),
    })
    this.#apps.push(app)
    return app
  }

  async #listenOnSocket(): Promise<void> {
    await removeStaleSocket(this.#socketPath)
    const app = await this.#createApp()
    await app.listen({ path: this.#socketPath })
    await chmod(this.#socketPath, 0o600)
  }

  async #listenOnTcp(address: string): Promise<void> {
    const match = /^127\.0\.0\.1:([0-9]{1,5})$/.exec(address)
    const port = Number(match?.[1] ?? Number.NaN)
    if (!(port <= 65_535)) {
      throw new HttpError(
        'bad-address',
        `the API listens on 127.0.0.1:PORT only, not on ${address}`,
      )
    }
    const token = await loadApiToken(this.#options.dataFolder)
    const hosts: string[] = []
    const app = await this.#createApp({ hosts, token })
    try {
      await app.listen({ host: '127.0.0.1', port })
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw cause
      throw new HttpError(
        'port-in-use',
        `port ${port} of 127.0.0.1 is in use: choose another with --http 127.0.0.1:PORT`,
        { cause },
      )
    }
    const bound = (app.server.address() as AddressInfo).port
    this.#port = bound
    // Known only now where the port was chosen by the system; before, every request is refused.
    hosts.push(`127.0.0.1:${bound}`, `localhost:${bound}`)
  }
}

/** Removes the socket of a node that was killed; refuses where somebody answers on it. */
async function removeStaleSocket(path: string): Promise<void> {
  if (await isAnswered(path)) {
    throw new HttpError(
      'socket-in-use',
      `${path} is served by another node: stop that one, or choose another folder with --data`,
    )
  }
  await rm(path, { force: true })
}
