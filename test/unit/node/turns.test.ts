import { expect, it } from 'vitest'
import { Turns } from '../../../node/turns.ts'

it('begins nothing before what was asked for earlier has ended, in whatever way', async () => {
  const turns = new Turns()
  const first = Promise.withResolvers<string>()
  const order: string[] = []
  const one = turns.take(async () => {
    order.push('one')
    return first.promise
  })
  const two = turns.take(async () => order.push('two'))
  await Promise.resolve()
  expect(order).toEqual(['one'])
  first.reject(new Error('no'))
  await expect(one).rejects.toThrow('no')
  await turns.ended()
  expect(order).toEqual(['one', 'two'])
  expect(await two).toBe(2)
})
