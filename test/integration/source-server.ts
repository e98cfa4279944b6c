/** A repository made for a test, and git servers of several kinds in front of it. */
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createReadStream } from 'node:fs'
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'
import type { AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'

const IDENTITY = {
  GIT_AUTHOR_NAME: 'Author',
  GIT_AUTHOR_EMAIL: 'author@example.com',
  GIT_AUTHOR_DATE: '2024-01-02T03:04:05Z',
  GIT_COMMITTER_NAME: 'Committer',
  GIT_COMMITTER_EMAIL: 'committer@example.com',
  GIT_COMMITTER_DATE: '2024-01-02T03:04:05Z',
}
export const COMMIT_TIME = Date.parse(IDENTITY.GIT_COMMITTER_DATE) / 1000

export class Repository {
  readonly folder: string

  constructor(folder: string, options: readonly string[] = []) {
    this.folder = folder
    mkdirSync(folder, { recursive: true })
    this.git('init', '--quiet', '--initial-branch=main', ...options)
  }

  git(...args: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync('git', ['-C', this.folder, ...args], {
      encoding: 'utf8',
      env: {
        ...process.env,
        ...IDENTITY,
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_CONFIG_NOSYSTEM: '1',
      },
    })
    if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`)
    return stdout.trim()
  }

  write(path: string, text: string | Buffer, mode = 0o644): void {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true })
    writeFileSync(join(this.folder, path), text)
    chmodSync(join(this.folder, path), mode)
  }

  link(path: string, target: string): void {
    symlinkSync(target, join(this.folder, path))
  }

  commit(message = 'change'): string {
    this.git('add', '--all')
    this.git('commit', '--quiet', '--allow-empty', '-m', message)
    return this.git('rev-parse', 'HEAD')
  }
}

export interface TestServer {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly requests: string[]
  stop(): Promise<void>
}

async function listen(answer: RequestListener): Promise<TestServer> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    requests.push(request.url ?? '')
    answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** git's own smart server, by CGI: what forges run. */
export async function serveSmart(root: string): Promise<TestServer> {
  return listen((request, response) => runBackend(root, request, response))
}

function runBackend(root: string, request: IncomingMessage, response: ServerResponse): void {
  const url = new URL(request.url ?? '/', 'http://localhost')
  const child = spawn('git', ['http-backend'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    env: {
      PATH: process.env.PATH ?? '',
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      PATH_INFO: url.pathname,
      QUERY_STRING: url.search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
    },
  })
  request.pipe(child.stdin)
  child.stdin.on('error', () => undefined)
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.on('close', () => {
    const whole = Buffer.concat(chunks)
    const end = whole.indexOf('\r\n\r\n')
    for (const line of whole.subarray(0, end).toString().split('\r\n')) {
      const [name = '', value = ''] = line.split(': ')
      if (name.toLowerCase() === 'status') response.statusCode = Number(value.slice(0, 3))
      else if (name !== '') response.setHeader(name, value)
    }
    response.end(whole.subarray(end + 4))
  })
}

/** A plain file server: git's dumb protocol, which knows no commit ids and no shallow fetches. */
export async function serveFiles(root: string): Promise<TestServer> {
  return listen((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost')
    const file = createReadStream(join(root, pathname))
    file.on('error', () => response.writeHead(404).end())
    file.once('open', () => file.pipe(response))
  })
}

export async function serveAnswer(answer: RequestListener): Promise<TestServer> {
  return listen(answer)
}
