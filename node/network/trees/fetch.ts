/**
 * The asking side of one exchange. What is wanted, and whether an object is what was asked for, the
 * walk says; the first object that is not ends the exchange, and is a lie, since a peer checks what
 * it keeps. Rounds, frames and sizes are bounded here as well as there.
 */
import type { ByteString } from '../../../protocol/normalize/byte-string.ts'
import { TreeObjectError } from '../../../protocol/normalize/tree-object-error.ts'
import type { TreeObject } from '../../../protocol/normalize/tree-object.ts'
import { NetworkError } from '../network-error.ts'
import {
  type AskedObject,
  encodeGet,
  MORE,
  ObjectParser,
  parseTreeAnswer,
  type SentObject,
  type SentPatch,
} from './frames.ts'
import { MAX_FRAMES_PER_ANSWER } from '../exchange/limits.ts'
import { MAX_HASHES_PER_REQUEST, MAX_ROUNDS } from './limits.ts'
import { applyPatch } from './patch.ts'

/** Something that goes through trees and needs objects of them. */
export interface TreeWalk {
  /** What is needed to go on; empty at the end. May throw TreeObjectError. */
  wanted(): Promise<readonly (AskedObject & { readonly kind: TreeObject['kind'] })[]>
  /** The preimage of an object that is here. */
  preimage(hash: ByteString): Promise<Uint8Array | undefined>
  /** Takes what was wanted. Throws TreeObjectError where it is not that. */
  take(object: TreeObject): void
  /** After each peer: what came from it may be kept, or not, where it lied. */
  settle(honest: boolean): Promise<void>
}

export interface TreeFetchResult {
  /** Everything is here, or this peer has nothing more of it. */
  complete: boolean
  /** Payload bytes of the frames. */
  sent: number
  received: number
}

/** Fills in `result` while it runs; the exchange is over when it returns. */
export async function* fetchTrees(
  answers: AsyncIterable<Uint8Array>,
  walk: TreeWalk,
  result: TreeFetchResult,
): AsyncGenerator<Uint8Array> {
  const iterator = answers[Symbol.asyncIterator]()
  const lacking = new Set<ByteString>()
  for (let rounds = 0; rounds < MAX_ROUNDS; rounds++) {
    const all = await blaming(() => walk.wanted())
    const batch = all.filter(({ hash }) => !lacking.has(hash)).slice(0, MAX_HASHES_PER_REQUEST)
    if (batch.length === 0) {
      result.complete = true
      return
    }
    const request = encodeGet(batch)
    result.sent += request.length
    yield request
    const objects = await readAnswer(iterator, batch.length, result)
    for (const [i, object] of objects.entries()) {
      const asked = batch[i]
      if (asked === undefined) throw lie('more objects than were asked for')
      if (object === undefined) {
        lacking.add(asked.hash)
        continue
      }
      const whole = object.kind === 'patch' ? await patched(object, asked, walk) : object
      if (whole.kind !== asked.kind) throw lie('an object of another kind')
      await blaming(() => walk.take({ ...whole, hash: asked.hash }))
    }
  }
}

async function readAnswer(
  answers: AsyncIterator<Uint8Array>,
  asked: number,
  result: TreeFetchResult,
): Promise<(SentObject | SentPatch | undefined)[]> {
  const parser = new ObjectParser()
  const objects: (SentObject | SentPatch | undefined)[] = []
  for (let frame = 1; ; frame++) {
    if (frame > MAX_FRAMES_PER_ANSWER) throw protocolError('an answer of too many frames')
    const next = await answers.next()
    // Not a lie: the peer may be stopping.
    if (next.done === true) throw new NetworkError('sync-ended', 'trees: the peer hung up')
    result.received += next.value.length
    const answer = parseTreeAnswer(next.value)
    if (answer.type === 'error') throw refused(answer.code)
    objects.push(...parser.push(answer.piece))
    if (answer.more === MORE.inNextFrame) continue
    parser.end()
    const whole = answer.more === MORE.none
    if (objects.length > asked || (whole && objects.length < asked) || objects.length === 0) {
      throw protocolError('another number of objects than was asked for')
    }
    return objects
  }
}

async function patched(
  { patch }: SentPatch,
  { like }: AskedObject,
  walk: TreeWalk,
): Promise<SentObject> {
  const base = like === undefined ? undefined : await walk.preimage(like)
  const preimage = base === undefined ? undefined : applyPatch(base, patch)
  if (preimage === undefined) throw lie('a patch of what is not here')
  return { kind: 'dir', preimage }
}

/** What is wrong with the trees is the fault of who sent them, unless they are only too large. */
async function blaming<T>(work: () => Promise<T> | T): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof TreeObjectError) || error.code === 'too-much') throw error
    throw lie(`a tree that is none (${error.code})`, error)
  }
}

function refused(code: string): NetworkError {
  return code === 'busy' || code === 'unavailable'
    ? new NetworkError('sync-busy', `trees: the peer cannot answer now (${code})`)
    : new NetworkError('sync-refused', `trees: the peer refused (${code})`)
}

function lie(what: string, cause?: unknown): NetworkError {
  return new NetworkError(
    'sync-lie',
    `trees: the peer sent ${what}`,
    cause === undefined ? {} : { cause },
  )
}

function protocolError(what: string): NetworkError {
  return new NetworkError('sync-protocol', `trees: the peer sent ${what}`)
}
