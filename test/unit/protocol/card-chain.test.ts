/** Cards that really are signed, and which of them are believed. */
import { describe, expect, it } from 'vitest'
import { linkCards } from '../../../protocol/card-chain.ts'
import { standingOf } from '../../../protocol/revocation.ts'
import { makeCardStatement, makeKey, rawRoot, sshRoot } from '../../support/cards.ts'
import { hexOf } from '../../support/statements.ts'

const root = rawRoot(makeKey('root'))
const thief = rawRoot(makeKey('thief'))
const key = makeKey('key')
const first = makeCardStatement({ root, keys: [key] }).statement.body
const next = (name: string, follows = first, revocations: typeof first.revocations = []) =>
  makeCardStatement({ root, keys: [key], name, follows, revocations }).statement.body
const second = next('second')
const third = next('third', second)
const versionsOf = (cards: readonly { readonly version: number }[]) =>
  cards.map(({ version }) => version)

describe('cards', () => {
  it('keep their operator, and follow one another in whatever order they come', () => {
    expect(third).toMatchObject({ version: 3, operator: first.operator })
    for (const cards of [
      [first, second, third],
      [third, first, second],
      [second, third, first, second],
    ]) {
      const { cards: believed, newest, trouble } = linkCards(cards)
      expect(believed).toEqual([first, second, third])
      expect(newest).toBe(third)
      expect(trouble).toBeUndefined()
    }
  })

  it('are not believed while one between them is missing', () => {
    expect(linkCards([first, third]).newest).toBe(first)
    expect(linkCards([third]).newest).toBeUndefined()
  })

  it('of a stranger are not believed, whatever they call themselves', () => {
    const forged = makeCardStatement({
      root: thief,
      keys: [makeKey('of the thief')],
      // As if the root key had been the thief's all the time.
      follows: { ...first, rootKey: thief.rootKey },
    }).statement.body
    expect(forged).toMatchObject({ operator: first.operator, version: 2 })
    expect(linkCards([first, forged]).cards).toEqual([first])
    expect(linkCards([first, forged, second]).trouble).toBeUndefined()
  })

  it('may change the root key, to which the key before has agreed', () => {
    const fresh = sshRoot(makeKey('ssh'))
    const keys = [key]
    const turned = makeCardStatement({ root: fresh, previousRoot: root, keys, follows: first })
      .statement.body
    const after = makeCardStatement({ root: fresh, keys, follows: turned }).statement.body
    expect(linkCards([first, turned, after]).newest).toBe(after)
    // The old key has no say any more.
    const late = makeCardStatement({ root, keys, follows: { ...turned, rootKey: root.rootKey } })
      .statement.body
    expect(linkCards([first, turned, late]).newest).toBe(turned)
  })

  it('of one version, both of which follow, are trouble until one is pinned', () => {
    const rival = next('rival')
    const all = [first, second, rival, third]
    expect(linkCards(all)).toMatchObject({ trouble: 'two-cards', newest: third })
    // A pin stands for the line of its card, whichever card of that line it is.
    for (const pin of [second, third]) {
      const { cards, trouble } = linkCards(all, pin.cardDigest)
      expect(trouble).toBeUndefined()
      expect(versionsOf(cards)).toEqual([1, 2, 3])
      expect(cards).not.toContain(rival)
    }
    expect(linkCards(all, rival.cardDigest)).toMatchObject({ newest: rival })
  })

  it('that are pinned and not here are trouble', () => {
    expect(linkCards([first], second.cardDigest)).toMatchObject({ trouble: 'pin-missing' })
  })

  it('end with the earliest of two of one version', () => {
    const { expires } = makeCardStatement({
      root,
      keys: [key],
      follows: first,
      expires: first.issued + 9,
    }).statement.body
    const short = makeCardStatement({ root, keys: [key], follows: first, expires }).statement.body
    expect(linkCards([first, second, short]).expires).toBe(expires)
  })
})

describe('a revocation', () => {
  const log = (n: number, of = key.publicKey): string =>
    `rebuildnet.dev/log/${first.operator}/${of}/${n}`
  const ends = (n: number, size: number) => ({ origin: log(n), size, root: hexOf('root') })

  it('holds whatever later cards say', () => {
    const revoking = next('revoking', first, [ends(0, 3)])
    const silent = next('silent', revoking)
    expect(linkCards([first, revoking, silent]).revocations).toEqual([ends(0, 3)])
  })

  it('bounds its log, and takes away the later ones of the key that are not named', () => {
    const revocations = [ends(1, 5)]
    expect(standingOf(log(0), revocations)).toBe('all')
    expect(standingOf(log(1), revocations)).toEqual(revocations)
    expect(standingOf(log(2), revocations)).toBe('none')
    expect(standingOf(log(2), [...revocations, ends(2, 1)])).toEqual([ends(2, 1)])
    expect(standingOf(log(2, makeKey('other').publicKey), revocations)).toBe('all')
  })

  it('of one log by two cards holds twice', () => {
    expect(standingOf(log(0), [ends(0, 5), ends(0, 3)])).toHaveLength(2)
  })
})
