/** Runs the steps of protocol/sync over a stream of frames, the store and the admission. */
import { setImmediate as pause } from 'node:timers/promises'
import type { Crypto } from '../../../protocol/crypto.ts'
import type { EquivocationProof } from '../../../protocol/log/equivocation.ts'
import { openStatement } from '../../../protocol/open-statement.ts'
import { StatementError } from '../../../protocol/statement-error.ts'
import type { SignedStatement } from '../../../protocol/statement.ts'
import { refusal, serveSync } from '../../../protocol/sync/server.ts'
import type { ClientRun, OpenedStatement, OpenStep } from '../../../protocol/sync/steps.ts'
import type { SyncBook } from '../../../protocol/sync/sync-book.ts'
import { SyncError } from '../../../protocol/sync/sync-error.ts'
import { NetworkError, type NetworkErrorCode } from '../network-error.ts'
import type { SyncStore } from './sync-store.ts'

export interface ServeComponents {
  readonly crypto: Crypto
  readonly book: SyncBook
  readonly store: Pick<SyncStore, 'read'>
  readonly onFailure: (error: unknown) => void
}

/** The answering side. */
export async function* serveFrames(
  requests: AsyncIterable<Uint8Array>,
  { crypto, book, store, onFailure }: ServeComponents,
): AsyncGenerator<Uint8Array> {
  const frames = requests[Symbol.asyncIterator]()
  for (const step of serveSync({ crypto, book })) {
    switch (step.type) {
      case 'send':
        yield step.frame
        break
      case 'receive':
        step.frame = await next(frames)
        break
      case 'read':
        try {
          step.bodies = await store.read(step.sids)
        } catch (error) {
          // That is no answer of its own, so the client must not take it for one.
          onFailure(error)
          yield refusal('unavailable')
          return
        }
    }
  }
}

export interface FetchComponents {
  readonly crypto: Crypto
  readonly store: Pick<SyncStore, 'commit'>
  readonly prepare: (statements: readonly Uint8Array[]) => Promise<void>
  readonly take: (statement: OpenedStatement) => Promise<void>
  readonly proven: (proof: EquivocationProof) => Promise<void>
}

/**
 * The asking side: whatever it comes to, what the book has learned is kept. Throws NetworkError.
 * What is being verified and what is being stored goes on while frames come and go.
 */
export async function* fetchFrames(
  answers: AsyncIterable<Uint8Array>,
  run: ClientRun,
  { crypto, store, prepare, take, proven }: FetchComponents,
): AsyncGenerator<Uint8Array> {
  const frames = answers[Symbol.asyncIterator]()
  const preparing = new Map<OpenStep, Promise<void>>()
  let taking: Promise<void> = Promise.resolve()
  /** Why no more frames come: what has come is stored before that is told. */
  let broken: { readonly error: unknown } | undefined
  const receive = async (): Promise<Uint8Array | undefined> => {
    try {
      return await next(frames)
    } catch (error) {
      broken = { error }
      return undefined
    }
  }
  try {
    for (const step of run) {
      switch (step.type) {
        case 'send':
          yield step.frame
          break
        case 'receive':
          step.frame = await receive()
          break
        case 'open':
          preparing.set(step, begun(prepare(step.bodies)))
          break
        case 'opened':
          await preparing.get(step.step)
          preparing.delete(step.step)
          step.step.opened = step.step.bodies.map((bytes) => open(bytes, crypto))
          break
        case 'take':
          await taking
          taking = begun(takeAll(step.statements, take))
          break
        case 'settle':
          await taking
          break
        case 'commit':
          await store.commit()
          break
        case 'proven':
          await proven(step.proof)
          break
        case 'pause':
          await pause()
      }
    }
  } catch (error) {
    if (!(error instanceof SyncError)) throw error
    throw broken === undefined ? asNetworkError(error) : broken.error
  } finally {
    await taking.catch(() => undefined)
    await store.commit()
  }
}

/** Goes on by itself. Whoever waits for it is told of its failure; where nobody does, it is none. */
function begun(work: Promise<void>): Promise<void> {
  work.catch(() => undefined)
  return work
}

async function takeAll(
  statements: readonly OpenedStatement[],
  take: FetchComponents['take'],
): Promise<void> {
  for (const piece of independent(statements)) await Promise.all(piece.map(take))
}

/**
 * In their order, in pieces that may be stored in any order and so at once: runs of one kind. A card
 * hangs on the one before it.
 */
function* independent(statements: readonly OpenedStatement[]): Generator<OpenedStatement[]> {
  let piece: OpenedStatement[] = []
  for (const each of statements) {
    const [kind, last] = [each, piece.at(-1)].map((one) =>
      one?.statement.body.kind === 'commitment' ? 'rebuild' : one?.statement.body.kind,
    )
    if (piece.length > 0 && (kind === 'operator' || kind !== last)) {
      yield piece
      piece = []
    }
    piece.push(each)
  }
  if (piece.length > 0) yield piece
}

async function next(frames: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
  const result = await frames.next()
  return result.done === true ? undefined : result.value
}

function open(bytes: Uint8Array, crypto: Crypto): SignedStatement | StatementError {
  try {
    return openStatement(bytes, crypto)
  } catch (error) {
    if (error instanceof StatementError) return error
    throw error
  }
}

const CODES: Readonly<Record<SyncError['code'], NetworkErrorCode>> = {
  malformed: 'sync-protocol',
  lie: 'sync-lie',
  busy: 'sync-busy',
  refused: 'sync-refused',
  ended: 'sync-ended',
}

function asNetworkError(error: SyncError): NetworkError {
  return new NetworkError(CODES[error.code], error.message, { cause: error })
}
