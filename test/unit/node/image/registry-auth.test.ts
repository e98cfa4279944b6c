import { describe, expect, it } from 'vitest'
import { parseChallenge } from '../../../../node/image/registry-auth.ts'

describe('parseChallenge', () => {
  it.each([
    [
      'Bearer realm="https://a/t",service="s",scope="x:y:pull,push"',
      { scheme: 'bearer', realm: 'https://a/t', service: 's', scope: 'x:y:pull,push' },
    ],
    ['bearer realm="https://a/t"', { scheme: 'bearer', realm: 'https://a/t' }],
    ['Basic realm="r", Bearer realm="https://a/t"', { scheme: 'bearer', realm: 'https://a/t' }],
    ['Bearer realm="a\\"b",service=plain', { scheme: 'bearer', realm: 'a"b', service: 'plain' }],
    ['Basic realm="Registry"', { scheme: 'basic' }],
    ['BASIC', { scheme: 'basic' }],
  ])('reads %s', (header, challenge) => {
    expect(parseChallenge(header)).toEqual(challenge)
  })

  it.each(['', 'Negotiate', 'Bearer', 'Bearer service="s"', 'Digest realm="Basic"'])(
    'reads nothing in %j',
    (header) => {
      expect(parseChallenge(header)).toBeUndefined()
    },
  )
})
