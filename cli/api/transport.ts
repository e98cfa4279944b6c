/** How a request reaches the API: over the socket of a running node, or in this process. */

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'DELETE'
  readonly path: string
  readonly body?: unknown
  readonly signal?: AbortSignal
}

export interface ApiReply {
  readonly status: number
  readonly body: unknown
}

export interface Transport {
  send(request: ApiRequest): Promise<ApiReply>
  /**
   * Text of an event stream, chunk by chunk, until it ends or the signal is aborted. Resolves once
   * the node listens, so that nothing that happens from then on is missed.
   */
  stream(path: string, signal: AbortSignal): Promise<AsyncIterable<string>>
}

/** Empty and unreadable bodies are undefined: the status says what happened. */
export function parseBody(text: string): unknown {
  if (text === '') return undefined
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}
