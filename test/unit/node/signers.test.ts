import { describe, expect, it } from 'vitest'
import { Signers } from '../../../node/signers.ts'
import type { OperatorCard } from '../../../protocol/operator-card.ts'
import type { SignedStatement } from '../../../protocol/statement.ts'
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

  it('are described by the newest card, whichever came first', () => {
    const { card } = makeOperator('alice')
    const newer: SignedStatement<OperatorCard> = {
      ...card.statement,
      body: { ...card.statement.body, version: 2, name: 'Alice the second' },
    }
    for (const order of [
      [card.statement, newer],
      [newer, card.statement],
    ]) {
      const signers = new Signers()
      for (const each of order) signers.add(each)
      expect(signers.cardOf(card.statement.body.operator)?.name).toBe('Alice the second')
    }
  })
})
