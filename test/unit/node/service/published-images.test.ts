import { describe, expect, it } from 'vitest'
import { utf8 } from '../../../../protocol/bytes.ts'
import { NormalizeError } from '../../../../protocol/normalize/normalize-error.ts'
import { readLabels } from '../../../../node/service/published-images.ts'

describe('labels of a published image', () => {
  it('are its texts', () => {
    const config = utf8('{"config":{"Labels":{"a":"1","b":2}}}')
    expect(readLabels(config)).toEqual({ a: '1' })
  })

  it.each(['{}', '{"config":null}', '{"config":{"Labels":null}}', '{"config":{"Labels":[]}}'])(
    'are none in %s',
    (text) => expect(readLabels(utf8(text))).toEqual({}),
  )

  it('that say two things of one key are refused: a release would carry a guess', () => {
    const read = (): unknown => readLabels(utf8('{"config":{"Labels":{"date":"1","date":"2"}}}'))
    expect(read).toThrow(NormalizeError)
    expect(read).toThrow('duplicate key')
  })
})
