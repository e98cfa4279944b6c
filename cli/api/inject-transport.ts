/** Requests to an API in this very process, where no node runs. */
import type { FastifyInstance } from 'fastify'
import { CliError } from '../cli-error.ts'
import { parseBody, type ApiReply, type ApiRequest, type Transport } from './transport.ts'

export class InjectTransport implements Transport {
  readonly #app: FastifyInstance

  constructor(app: FastifyInstance) {
    this.#app = app
  }

  async send({ method, path, body, signal }: ApiRequest): Promise<ApiReply> {
    const response = await this.#app.inject({
      method,
      url: path,
      ...(body === undefined ? {} : { payload: body as object }),
      ...(signal === undefined ? {} : { signal }),
    })
    return { status: response.statusCode, body: parseBody(response.body) }
  }

  async stream(): Promise<AsyncIterable<string>> {
    throw new CliError(
      'needs-running-node',
      'nothing happens here while no node runs: start it with "rebuildnet start"',
    )
  }
}
