/** Requests over the unix socket of a running node. */
import { request, type IncomingMessage } from 'node:http'
import { CliError } from '../cli-error.ts'
import { parseProblem } from './api-error.ts'
import { parseBody, type ApiReply, type ApiRequest, type Transport } from './transport.ts'

export class SocketTransport implements Transport {
  readonly #socketPath: string

  constructor(socketPath: string) {
    this.#socketPath = socketPath
  }

  async send(asked: ApiRequest): Promise<ApiReply> {
    const response = await this.#open(asked)
    return { status: response.statusCode ?? 0, body: parseBody(await readAll(response)) }
  }

  async stream(path: string, signal: AbortSignal): Promise<AsyncIterable<string>> {
    const response = await this.#open({ method: 'GET', path, signal })
    if (response.statusCode !== 200) {
      throw parseProblem(response.statusCode ?? 0, parseBody(await readAll(response)))
    }
    return readChunks(response)
  }

  #open(asked: ApiRequest): Promise<IncomingMessage> {
    const body = asked.body === undefined ? undefined : JSON.stringify(asked.body)
    const headers = {
      host: 'localhost',
      ...(body === undefined
        ? {}
        : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }),
    }
    return new Promise((resolve, reject) => {
      const outgoing = request(
        {
          socketPath: this.#socketPath,
          path: asked.path,
          method: asked.method,
          headers,
          agent: false,
          ...(asked.signal === undefined ? {} : { signal: asked.signal }),
        },
        resolve,
      )
      outgoing.on('error', (cause) => {
        reject(
          new CliError(
            'connection-lost',
            `the node behind ${this.#socketPath} went away: start it with "rebuildnet start"`,
            { cause },
          ),
        )
      })
      outgoing.end(body)
    })
  }
}

async function* readChunks(response: IncomingMessage): AsyncGenerator<string> {
  response.setEncoding('utf8')
  try {
    for await (const chunk of response) yield chunk as string
  } catch (error) {
    // The node went away, or we did: the stream is over either way.
    if (!isGone(error)) throw error
  }
}

async function readAll(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8')
  let text = ''
  try {
    for await (const chunk of response) text += chunk as string
  } catch (cause) {
    throw new CliError('connection-lost', 'the node went away while it answered: ask again', {
      cause,
    })
  }
  return text
}

function isGone(error: unknown): boolean {
  const { code, name } = error as { code?: unknown; name?: unknown }
  return code === 'ECONNRESET' || name === 'AbortError'
}
