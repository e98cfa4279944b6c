/** A sync server that keeps to the protocol but for what a test has it say instead. */
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { runExchange } from '../../node/network/exchange/run-exchange.ts'
import { serveFrames } from '../../node/network/sync/run-steps.ts'
import { encodeAnswer, parseAnswer, type SyncAnswer } from '../../protocol/sync/answers.ts'
import { SyncBook } from '../../protocol/sync/sync-book.ts'
import { startHostilePeer, type HostilePeer } from './hostile-peer.ts'
import type { TestLedger } from './network.ts'

/** Serves what a ledger holds, each answer as `alter` makes it. */
export async function startAlteringServer(
  ledger: TestLedger,
  alter: (answer: SyncAnswer) => SyncAnswer,
): Promise<HostilePeer> {
  const hostile = await startHostilePeer()
  await hostile.serveSync((stream) => {
    const work = async function* (requests: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
      const frames = serveFrames(requests, {
        crypto: nodeCrypto,
        book: new SyncBook(ledger.book),
        store: ledger,
        onFailure: () => undefined,
      })
      for await (const frame of frames) yield encodeAnswer(alter(parseAnswer(frame)))
    }
    const { signal } = new AbortController()
    runExchange(stream, work, { maxBufferedBytes: 10 ** 7, signal }).catch(() => undefined)
  })
  return hostile
}
