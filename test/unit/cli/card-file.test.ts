import { describe, expect, it } from 'vitest'
import { encodeCardFile, parseCardFile } from '../../../cli/card-file.ts'

const card = { operator: `op1${'a'.repeat(52)}`, card: 'AQIDBA==', earlier: ['AQ=='] }
const parse = (text: string) => parseCardFile(Buffer.from(text), 'ada.card')

describe('a card file', () => {
  it('is read back as it was written', () => {
    expect(parse(encodeCardFile(card))).toEqual({ card: card.card, earlier: card.earlier })
  })

  it('may be bare base64, in lines as well', () => {
    const long = 'AQID'.repeat(40)
    expect(parse(`${long}\nBA==\n`)).toEqual({ card: `${long}BA==`, earlier: [] })
  })

  it.each([
    ['{"format":1}', /ada\.card has no field "card"/],
    ['{"format":2,"card":"AQ=="}', /ada\.card is of format 2: update rebuildnet/],
    ['{"format":1,"card":"AQ==","earlier":[1]}', /ada\.card: "earlier" is no list of cards/],
    ['{"format":', /ada\.card is no operator card/],
    ['{"format":1,"card":"AQ==","card":"Ag=="}', /ada\.card says one thing twice/],
    ['junk\n', /ada\.card is no operator card/],
    ['', /ada\.card is no operator card/],
    ['[]', /ada\.card has no field "card"/],
  ])('%j is refused in one line', (text, message) => {
    expect(() => parse(text)).toThrow(message)
  })
})
