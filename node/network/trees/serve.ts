/** The answering side of one exchange: hashes in, objects out, no stream and no clock. */
import { concat } from '../../../protocol/bytes.ts'
import type { ByteString } from '../../../protocol/normalize/byte-string.ts'
import { NetworkError } from '../network-error.ts'
import {
  encodeObject,
  encodeObjects,
  encodeRefusal,
  MORE,
  parseGet,
  type AskedObject,
  type SentObject,
  type SentPatch,
} from './frames.ts'
import { MAX_ANSWER_BYTES, MAX_OBJECT_BYTES, MAX_ROUNDS, PIECE_BYTES } from './limits.ts'
import { createPatch } from './patch.ts'

/** The trees that this node keeps. */
export interface TreeSource {
  read(hash: ByteString): Promise<SentObject | undefined>
}

export async function* serveTrees(
  requests: AsyncIterable<Uint8Array>,
  source: TreeSource,
  onFailure: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  let rounds = 0
  for await (const frame of requests) {
    if (++rounds > MAX_ROUNDS) {
      yield encodeRefusal('too-many-rounds')
      return
    }
    let asked: AskedObject[]
    try {
      asked = parseGet(frame)
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error
      yield encodeRefusal('bad-request')
      return
    }
    try {
      yield* objects(asked, source)
    } catch (error) {
      onFailure(error)
      yield encodeRefusal('unavailable')
      return
    }
  }
}

/** Frame by frame, so that one frame and one object are in memory and not the whole answer. */
async function* objects(
  asked: readonly AskedObject[],
  source: TreeSource,
): AsyncGenerator<Uint8Array> {
  let rest = new Uint8Array()
  let bytes = 0
  for (const each of asked) {
    const encoded = encodeObject(await find(each, source))
    if (bytes + encoded.length > MAX_ANSWER_BYTES) {
      yield encodeObjects(MORE.askAgain, rest)
      return
    }
    bytes += encoded.length
    rest = concat(rest, encoded)
    while (rest.length > PIECE_BYTES) {
      yield encodeObjects(MORE.inNextFrame, rest.subarray(0, PIECE_BYTES))
      rest = rest.slice(PIECE_BYTES)
    }
  }
  yield encodeObjects(MORE.none, rest)
}

async function find(
  { hash, like }: AskedObject,
  source: TreeSource,
): Promise<SentObject | SentPatch | undefined> {
  const found = await source.read(hash)
  if (found === undefined || found.preimage.length > MAX_OBJECT_BYTES) return undefined
  const base = like === undefined || found.kind !== 'dir' ? undefined : await source.read(like)
  if (base?.kind !== 'dir') return found
  const patch = createPatch(base.preimage, found.preimage)
  if (patch === undefined || patch.length >= found.preimage.length) return found
  return { kind: 'patch', patch }
}
