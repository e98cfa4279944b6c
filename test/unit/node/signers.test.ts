import { describe, expect, it } from 'vitest'
import { Signers } from '../../../node/signers.ts'
import type { OperatorCard } from '../../../protocol/operator-card.ts'
import type { SignedStatement } from '../../../protocol/statement.ts'
import { makeCardStatement, makeKey, rawRoot } from '../../support/cards.ts'
import { makeOperator } from '../../support/statements.ts'

describe('signers', () => {
  it('speak for the operator whose card lists their key', () => {
    const alice = makeOperator('alice')
    const signers = new Signers()
    expect(signers.operatorOf(alice.key.publicKey)).toBeUndefined()
    signers.add(alice.card.statement)
    expect(signers.operatorOf(alice.key.publicKey)).toBe(alice.id)
  })

  it('speak for nobody where two operators list the key', () => {
    const alice = makeOperator('alice')
    const bob = makeOperator('bob')
    const signers = new Signers()
    signers.add(alice.card.statement)
    const thief: SignedStatement<OperatorCard> = {
      ...bob.card.statement,
      body: { ...bob.card.statement.body, keys: [alice.key.publicKey] },
    }
    signers.add(thief)
    expect(signers.operatorOf(alice.key.publicKey)).toBeUndefined()
  })

  const root = rawRoot(makeKey('root'))
  const key = makeKey('key')
  const first = makeCardStatement({ root, keys: [key] }).statement
  const second = makeCardStatement({
    root,
    keys: [key, makeKey('another key')],
    name: 'Alice the second',
    follows: first.body,
  }).statement

  it('are described by the newest card, whichever came first', () => {
    for (const order of [
      [first, second],
      [second, first],
    ]) {
      const signers = new Signers()
      for (const each of order) signers.add(each)
      expect(signers.cardOf(first.body.operator)?.name).toBe('Alice the second')
      expect(signers.operatorOf(makeKey('another key').publicKey)).toBe(first.body.operator)
    }
  })

  it('are not those of a later card while the one before it is missing', () => {
    const signers = new Signers()
    signers.add(second)
    expect(signers.isLinked(second.body)).toBe(false)
    expect(signers.operatorOf(key.publicKey)).toBeUndefined()
    signers.add(first)
    expect(signers.isLinked(second.body)).toBe(true)
    expect(signers.operatorOf(key.publicKey)).toBe(first.body.operator)
  })
})
