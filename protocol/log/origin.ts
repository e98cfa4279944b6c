/**
 * The name of one log: `rebuildnet.dev/log/<operator id>/<key hex>/<n>`, n = 0, 1, 2…
 *
 * It says whose log it claims to be, and by its key whose signature a head needs. That the key is
 * the operator's is said by operator cards alone: anybody can write any operator's id here.
 */
import { isKeyHex, isOperatorId, type KeyHex, type OperatorId } from '../identifiers.ts'
import { LogError } from './log-error.ts'

const PREFIX = 'rebuildnet.dev/log/'
/** Nobody fills so many logs: a full one holds 65,536 statements. */
const MAX_ORIGIN_NUMBER = 65_535

export interface Origin {
  readonly operator: OperatorId
  readonly key: KeyHex
  /** Which of the logs of this key: each one seals the one before. */
  readonly n: number
  /** The spelling, by which logs are told apart. */
  readonly text: string
}

export function makeOrigin(operator: OperatorId, key: KeyHex, n: number): Origin {
  return { operator, key, n, text: `${PREFIX}${operator}/${key}/${n}` }
}

/** Throws LogError `unknown-origin` for the log of another system, `origin-malformed` for a broken one of ours. */
export function parseOrigin(text: string): Origin {
  if (!text.startsWith(PREFIX)) {
    throw new LogError('unknown-origin', `a log of another kind: its origin is not ${PREFIX}…`)
  }
  const [operator = '', key = '', number = '', ...others] = text.slice(PREFIX.length).split('/')
  const n = /^(?:0|[1-9][0-9]{0,4})$/.test(number) ? Number(number) : Infinity
  if (others.length > 0 || !isOperatorId(operator) || !isKeyHex(key) || n > MAX_ORIGIN_NUMBER) {
    throw new LogError('origin-malformed', `the origin is not ${PREFIX}<operator>/<key>/<number>`)
  }
  return { operator, key, n, text }
}
