/**
 * The answers of the name server that the steps of a build see (RFC 1035).
 *
 * It knows addresses of version 4 only, which is what the network of a build has, and tells a name
 * that does not exist from one that cannot be looked up now.
 */
import { decode, encode, RECURSION_AVAILABLE, RECURSION_DESIRED } from 'dns-packet'
import type { NameAnswer } from './name-book.ts'

const SERVER_FAILURE = 2
const NO_SUCH_NAME = 3
/** Short, so that a step asks again, and hears of it, when a name has moved. */
const LIFETIME_SECONDS = 30

/** The answer to one datagram; undefined where it is no question. `ask` gets names in lower case. */
export async function answerQuery(
  datagram: Buffer,
  ask: (name: string) => Promise<NameAnswer>,
): Promise<Buffer | undefined> {
  const query = readQuery(datagram)
  if (query === undefined) return undefined
  const { id, question } = query
  const name = question.name.toLowerCase()
  // Services and addresses read backwards are asked for by the way, and have no answer here.
  const isHost = !name.startsWith('_') && !name.endsWith('.arpa')
  const answer: NameAnswer = isHost ? await ask(name) : { kind: 'unknown' }
  const code = {
    address: 0,
    refused: NO_SUCH_NAME,
    unknown: NO_SUCH_NAME,
    unavailable: SERVER_FAILURE,
  }
  return encode({
    type: 'response',
    id,
    flags: RECURSION_DESIRED | RECURSION_AVAILABLE | code[answer.kind],
    questions: [question],
    answers:
      answer.kind === 'address' && question.type === 'A'
        ? [{ type: 'A', name: question.name, ttl: LIFETIME_SECONDS, data: answer.address }]
        : [],
  })
}

function readQuery(datagram: Buffer) {
  try {
    const { id, type, questions = [] } = decode(datagram)
    const [question] = questions
    return type === 'query' && questions.length === 1 && question !== undefined
      ? { id, question }
      : undefined
  } catch {
    return undefined
  }
}
