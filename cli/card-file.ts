/**
 * An operator card as a file that people send one another: JSON around the signed statement.
 * What it says beside `card` is for people; only the statement itself is believed.
 */
import { utf8 } from '../protocol/bytes.ts'
import { isJsonObject, JsonError, parseJson, type JsonValue } from '../protocol/json.ts'
import { CliError } from './cli-error.ts'

const CARD_FILE_FORMAT = 1
export const MAX_CARD_FILE_BYTES = 256 * 1024

export interface CardFile {
  readonly operator: string
  /** base64 of the canonical binary operator statement. */
  readonly card: string
  /** The cards that it follows, the oldest first. */
  readonly earlier: readonly string[]
}

export function encodeCardFile({ operator, card, earlier }: CardFile): string {
  const before = earlier.length === 0 ? {} : { earlier }
  return `${JSON.stringify({ format: CARD_FILE_FORMAT, operator, card, ...before }, null, 2)}\n`
}

/** The base64 in a card file; a file of bare base64 will do as well. */
export function parseCardFile(bytes: Buffer, where: string): Omit<CardFile, 'operator'> {
  const text = bytes.toString('utf8').trim()
  const bare = text.replaceAll(/\s+/g, '')
  // A key and a signature alone are longer: a short word is no card, whatever its letters.
  if (/^[A-Za-z0-9+/]{132,}={0,2}$/.test(bare) && bare.length % 4 === 0) {
    return { card: bare, earlier: [] }
  }
  let value: JsonValue
  try {
    value = parseJson(utf8(text), { maxDepth: 16, maxStringLength: MAX_CARD_FILE_BYTES })
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause
    if (cause.code === 'json-duplicate-key') {
      throw new CliError('file', `${where} says one thing twice: ask for the file again`, { cause })
    }
    throw new CliError('file', `${where} is no operator card: "rebuildnet card FILE" writes one`, {
      cause,
    })
  }
  const { format, card, earlier = [] } = isJsonObject(value) ? value : {}
  if (typeof format === 'number' && format > CARD_FILE_FORMAT) {
    throw new CliError('file', `${where} is of format ${format}: update rebuildnet to read it`)
  }
  if (typeof card !== 'string') {
    throw new CliError('file', `${where} has no field "card": "rebuildnet card FILE" writes one`)
  }
  if (!Array.isArray(earlier) || !earlier.every((each) => typeof each === 'string')) {
    throw new CliError('file', `${where}: "earlier" is no list of cards: ask for the file again`)
  }
  return { card, earlier }
}
