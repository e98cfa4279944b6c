/** When the own operator card ends, in words: in time, so that nobody is surprised by silence. */
import { examineCard } from '../../node/system/card-expiry.ts'
import { bad, warn, type Text } from './style.ts'
import { timeWords } from './words.ts'

/** For a row of facts: until when the card is good. */
export function cardExpiryFact(expires: number, now: number): Text {
  const { status, detail } = examineCard(expires, now)
  if (status === 'ok') return `good until ${timeWords(expires)}`
  return status === 'warn' ? warn(detail) : bad(detail)
}

/** A line for standard error; undefined where there is nothing to say yet. */
export function cardExpiryNote(expires: number, now: number): Text | undefined {
  const { status, detail, remedy = '' } = examineCard(expires, now)
  if (status === 'ok') return undefined
  return status === 'warn'
    ? warn(`warning: the operator card ${detail}: ${remedy}`)
    : bad(`error: the operator card ${detail}: ${remedy}`)
}
