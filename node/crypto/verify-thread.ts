/** Verifies signatures of statements in a thread of its own. What is no envelope has no answer. */
import { parentPort } from 'node:worker_threads'
import { preAuthEncoding } from '../../protocol/dsse.ts'
import { verifyStrict, type SignatureAnswer } from '../../protocol/ed25519.ts'
import { parseEnvelope } from '../../protocol/envelope.ts'
import { StatementError } from '../../protocol/statement-error.ts'
import { nodeCrypto } from './node-crypto.ts'

/** Statements one behind the other, and the length of each. */
export interface VerifyRequest {
  readonly bytes: Uint8Array<ArrayBuffer>
  readonly lengths: readonly number[]
}

export type VerifyReply = readonly (SignatureAnswer | undefined)[]

function verify(bytes: Uint8Array): SignatureAnswer | undefined {
  try {
    const { publicKey, signature, payload } = parseEnvelope(bytes)
    return verifyStrict(publicKey, preAuthEncoding(payload), signature, nodeCrypto)
  } catch (error) {
    if (error instanceof StatementError) return undefined
    throw error
  }
}

parentPort?.on('message', ({ bytes, lengths }: VerifyRequest) => {
  let at = 0
  const reply: VerifyReply = lengths.map((length) => verify(bytes.subarray(at, (at += length))))
  parentPort?.postMessage(reply)
})
