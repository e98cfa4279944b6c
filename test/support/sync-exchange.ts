/** One exchange of sync between two stores in memory: no stream, no clock, no promise. */
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import type { EquivocationProof } from '../../protocol/log/equivocation.ts'
import type { Head } from '../../protocol/log/head.ts'
import { openStatement } from '../../protocol/open-statement.ts'
import { StatementError } from '../../protocol/statement-error.ts'
import { syncClient, type SyncResult } from '../../protocol/sync/client.ts'
import { parseRequest, type SyncRequest } from '../../protocol/sync/requests.ts'
import { serveSync } from '../../protocol/sync/server.ts'
import type { OpenedStatement } from '../../protocol/sync/steps.ts'
import { SyncBook } from '../../protocol/sync/sync-book.ts'
import type { LogStore } from './log-store.ts'
import { TEST_TIME } from './statements.ts'

/** Later than all heads of the tests. */
const NOW = TEST_TIME + 7200

export interface ExchangeInit {
  readonly gaps?: readonly Head[]
  /** What comes of each frame that the server sends; nothing where it hangs up instead. */
  readonly alter?: (frame: Uint8Array) => readonly Uint8Array[]
  /** Is told of each request as it is sent. */
  readonly asked?: (request: SyncRequest) => void
  /** What other exchanges of the client have asked for. */
  readonly coming?: Set<string>
}

export interface ExchangeReport {
  readonly result: SyncResult
  readonly requests: readonly SyncRequest[]
  /** Bytes of each frame of the server. */
  readonly answered: readonly number[]
  readonly proofs: readonly EquivocationProof[]
}

/** `client` asks, `server` answers. Throws what the client does. */
export function exchange(
  client: LogStore,
  server: LogStore,
  {
    gaps = [],
    alter = (frame) => [frame],
    asked = () => undefined,
    coming = new Set(),
  }: ExchangeInit = {},
): ExchangeReport {
  const toServer: Uint8Array[] = []
  const toClient: Uint8Array[] = []
  const report = { requests: [] as SyncRequest[], answered: [] as number[] }
  const serve = startServer(server, toServer, (frame) => {
    report.answered.push(frame.length)
    toClient.push(...alter(frame))
  })
  const result: SyncResult = { heads: 0, statements: 0, complete: false }
  const proofs: EquivocationProof[] = []
  const components = {
    crypto: nodeCrypto,
    book: new SyncBook(client.book),
    wishes: client,
    now: () => NOW,
    decline: (sid: string) => client.book.declineBody(sid),
    coming,
  }
  // As late as may be: what counts on what was not waited for goes wrong.
  let storing: readonly OpenedStatement[] = []
  for (const step of syncClient(components, result, gaps)) {
    switch (step.type) {
      case 'send':
        report.requests.push(parseRequest(step.frame))
        asked(parseRequest(step.frame))
        toServer.push(step.frame)
        break
      case 'receive':
        serve()
        step.frame = toClient.shift()
        break
      case 'opened':
        step.step.opened = step.step.bodies.map((bytes) => {
          try {
            return openStatement(bytes, nodeCrypto)
          } catch (error) {
            if (error instanceof StatementError) return error
            throw error
          }
        })
        break
      case 'take':
        client.take(...storing)
        storing = step.statements
        break
      case 'settle':
        client.take(...storing)
        storing = []
        break
      case 'commit':
        client.settle()
        break
      case 'proven':
        proofs.push(step.proof)
        break
      case 'open':
      case 'pause':
    }
  }
  return { ...report, result, proofs }
}

/** Runs a server as far as the requests go that have come. */
function startServer(
  store: LogStore,
  requests: Uint8Array[],
  send: (frame: Uint8Array) => void,
): () => void {
  const server = serveSync({ crypto: nodeCrypto, book: new SyncBook(store.book) })
  let next = server.next()
  return () => {
    for (; next.done !== true; next = server.next()) {
      const step = next.value
      if (step.type === 'send') send(step.frame)
      else if (step.type === 'read') {
        step.bodies = step.sids.map((sid) => store.bodies.get(sid)?.bytes)
      } else {
        if (requests.length === 0) return
        step.frame = requests.shift()
      }
    }
  }
}
