/** Statements with something wrong in them, signed all the same. */
import { preAuthEncoding } from '../../../protocol/dsse.ts'
import type { CreatedStatement } from '../../../protocol/create-statement.ts'
import { encodeEnvelope, parseEnvelope } from '../../../protocol/envelope.ts'
import { makeOperator, type TestOperator } from '../statements.ts'

type Json = Record<string, unknown>

/** New values by dotted path (`predicate.platforms.0.platform`); `undefined` takes the member away. */
export type Changes = Readonly<Record<string, unknown>>

/** Signs any payload at all. */
export function signPayload(
  payload: Uint8Array | string,
  operator: TestOperator = makeOperator('alice'),
): Uint8Array {
  const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
  return encodeEnvelope({
    publicKey: Buffer.from(operator.key.publicKey, 'hex'),
    signature: operator.key.sign(preAuthEncoding(bytes)),
    payload: bytes,
  })
}

export function payloadOf({ bytes }: CreatedStatement): string {
  return Buffer.from(parseEnvelope(bytes).payload).toString('utf8')
}

/** The payload of `from` with `changes`, signed by `operator`. */
export function changeStatement(
  from: CreatedStatement,
  changes: Changes,
  operator?: TestOperator,
): Uint8Array {
  const statement = JSON.parse(payloadOf(from)) as Json
  for (const [path, value] of Object.entries(changes)) setMember(statement, path, value)
  return signPayload(JSON.stringify(statement), operator)
}

/** The same for members of the predicate. */
export function changePredicate(from: CreatedStatement, changes: Changes): Uint8Array {
  const inPredicate = Object.entries(changes).map(([path, value]) => [`predicate.${path}`, value])
  return changeStatement(from, Object.fromEntries(inPredicate) as Changes)
}

/** The payload of `from` with `text` in the place of `part`, signed: for what JSON.stringify cannot say. */
export function changeText(from: CreatedStatement, part: string, text: string): Uint8Array {
  const payload = payloadOf(from)
  if (!payload.includes(part)) throw new Error(`no ${part} in the payload`)
  return signPayload(payload.replace(part, () => text))
}

function setMember(root: Json, path: string, value: unknown): void {
  const keys = path.split('.')
  const last = keys.pop() ?? ''
  let target = root
  for (const key of keys) target = target[key] as Json
  // An array has no holes: only members of objects are taken away.
  if (value === undefined) Reflect.deleteProperty(target, last)
  else target[last] = value
}
