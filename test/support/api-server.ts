/** A served API over a state in memory, on a real socket and a real port, and a way to ask it. */
import { mkdtemp, rm } from 'node:fs/promises'
import { request, type IncomingHttpHeaders } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HttpServer, type HttpServerOptions } from '../../node/http/server.ts'
import type { Logger } from '../../node/logger.ts'
import { MemoryService } from './memory-service.ts'

export interface Reply {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
  readonly json: unknown
}

export interface Ask {
  readonly method?: string
  readonly path: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

/** Keeps what is logged, so that a test can look at it. */
export class MemoryLogger implements Logger {
  readonly errors: string[] = []
  /** What was logged along with them. */
  readonly fields: object[] = []
  debug(): void {
    return
  }
  info(): void {
    return
  }
  warn(): void {
    return
  }
  error(fields: object, message: string): void {
    this.errors.push(message)
    this.fields.push(fields)
  }
}

export class TestApi {
  readonly service = new MemoryService()
  readonly logger = new MemoryLogger()
  readonly folder: string
  readonly server: HttpServer

  private constructor(folder: string, options: Partial<HttpServerOptions>) {
    this.folder = folder
    this.server = new HttpServer(
      { service: this.service, logger: this.logger },
      { ...options, dataFolder: folder },
    )
  }

  static async start(options: Partial<HttpServerOptions> = {}): Promise<TestApi> {
    const api = new TestApi(await mkdtemp(join(tmpdir(), 'rn-')), options)
    await api.server.start()
    return api
  }

  async stop(): Promise<void> {
    await this.server.stop()
    await rm(this.folder, { recursive: true, force: true })
  }

  /** Over the unix socket. */
  ask(ask: Ask): Promise<Reply> {
    return send({ socketPath: this.server.socketPath }, ask)
  }

  /** Over TCP. */
  askTcp(ask: Ask): Promise<Reply> {
    return send({ host: '127.0.0.1', port: this.server.port ?? 0 }, ask)
  }

  async post(path: string, body: unknown): Promise<Reply> {
    return this.ask({
      method: 'POST',
      path,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  }
}

function send(
  target: { readonly socketPath: string } | { readonly host: string; readonly port: number },
  { method = 'GET', path, headers = {}, body }: Ask,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request({ ...target, method, path, headers, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('error', reject)
      response.on('end', () => {
        const json: unknown = text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : null
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text, json })
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
