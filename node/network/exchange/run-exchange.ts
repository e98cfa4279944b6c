/**
 * One exchange on one stream: length-prefixed frames through it-pipe, watched.
 *
 * The stream hands over what arrives whether anybody has read what came before or not, and waits
 * for a slow reader for ever. So bytes that wait are counted, and a clock runs that each whole
 * frame sets back; either one, at its limit, aborts the stream.
 */
import type { Stream } from '@libp2p/interface'
import { messageStreamToDuplex } from '@libp2p/utils'
import * as lengthPrefixed from 'it-length-prefixed'
import { pipe } from 'it-pipe'
import { NetworkError } from '../network-error.ts'
import { MAX_EXCHANGE_MS, MAX_FRAME_BYTES, STALL_MS } from './limits.ts'

export interface ExchangeOptions {
  /** Bytes that may have arrived and not been read. */
  readonly maxBufferedBytes: number
  readonly signal: AbortSignal
  /** Without a whole frame for so long, the exchange is given up. */
  readonly stallMs?: number
}

export type Work = (frames: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array>
type Chunk = Uint8Array | { readonly byteLength: number; subarray(): Uint8Array }

export async function runExchange(
  stream: Stream,
  work: Work,
  options: ExchangeOptions,
): Promise<void> {
  const { maxBufferedBytes, signal, stallMs = STALL_MS } = options
  const stop = (error: NetworkError): void => stream.abort(error)
  const stalled = (): void =>
    stop(new NetworkError('sync-stalled', `sync: no progress for ${stallMs / 1000} seconds`))
  const onAbort = (): void => stop(new NetworkError('stopped', 'sync: stopped'))

  let stall = setTimeout(stalled, stallMs)
  const progress = (): void => {
    clearTimeout(stall)
    stall = setTimeout(stalled, stallMs)
  }
  const end = setTimeout(stalled, MAX_EXCHANGE_MS)
  signal.addEventListener('abort', onAbort)

  let buffered = 0
  stream.addEventListener('message', (event) => {
    buffered += event.data.byteLength
    if (buffered <= maxBufferedBytes) return
    stop(new NetworkError('sync-flood', `sync: the peer sent ${buffered} bytes unasked`))
  })

  let running: AsyncGenerator<Uint8Array> | undefined
  try {
    signal.throwIfAborted()
    const duplex = messageStreamToDuplex(stream)
    await pipe(
      duplex,
      async function* count(source: AsyncIterable<Chunk>) {
        for await (const chunk of source) {
          buffered -= chunk.byteLength
          yield chunk instanceof Uint8Array ? chunk : chunk.subarray()
        }
      },
      async function* decode(source: AsyncIterable<Uint8Array>) {
        for await (const frame of decodeFrames(source)) {
          progress()
          yield frame
        }
      },
      async function* watch(source: AsyncIterable<Uint8Array>) {
        running = work(source)
        for await (const frame of running) {
          yield frame
          // The sink asks for the next frame when this one is sent.
          progress()
        }
      },
      (source) => lengthPrefixed.encode(source, { maxDataLength: MAX_FRAME_BYTES }),
      duplex,
    )
  } catch (error) {
    stream.abort(error instanceof Error ? error : new Error('sync failed'))
    throw error
  } finally {
    // A sink that fails while it waits for room never comes back for the next frame: what `work`
    // holds until its end would be held for ever.
    void running?.return(undefined).catch(() => undefined)
    clearTimeout(stall)
    clearTimeout(end)
    signal.removeEventListener('abort', onAbort)
  }
}

async function* decodeFrames(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  try {
    const options = { maxDataLength: MAX_FRAME_BYTES }
    for await (const frame of lengthPrefixed.decode(source, options)) yield frame.subarray()
  } catch (error) {
    // What the decoder itself finds is the peer's fault; the rest comes from the stream.
    const code = (error as { code?: unknown }).code
    if (
      typeof code !== 'string' ||
      (!code.startsWith('ERR_MSG') && code !== 'ERR_INVALID_MSG_LENGTH')
    )
      throw error
    throw new NetworkError('sync-protocol', 'sync: the peer sent a frame over the limit', {
      cause: error,
    })
  }
}
