import { describe, expect, it } from 'vitest'
import { differingInputs } from '../../../protocol/differing-inputs.ts'
import { inputWords } from '../../../protocol/input-words.ts'

const A = `sha256:${'a'.repeat(64)}`
const B = `sha256:${'b'.repeat(64)}`
const debian = (digest: string) => ({ uri: 'docker://debian', digest })
const release = (digest: string) => ({ uri: 'http://x/InRelease', digest })

describe('inputs that differ', () => {
  it('are those that two have recorded otherwise', () => {
    const found = differingInputs([
      { who: 'carol', materials: [debian(B), release(A)] },
      { who: 'alice', materials: [debian(A), release(A)] },
      { who: 'bob', materials: [debian(A)] },
    ])
    expect(found).toEqual([
      {
        uri: 'docker://debian',
        versions: [
          { digests: [A], who: ['alice', 'bob'] },
          { digests: [B], who: ['carol'] },
        ],
      },
    ])
    expect(inputWords(found, (who) => who.toUpperCase())).toEqual([
      'They did not read the same inputs:',
      '  docker://debian: sha256:aaaaaaaaaaaa… for ALICE and BOB; sha256:bbbbbbbbbbbb… for CAROL',
    ])
  })

  it('are not those that one has not recorded', () => {
    const found = differingInputs([
      { who: 'a', materials: [debian(A), release(A)] },
      { who: 'b', materials: [debian(A)] },
    ])
    expect(found).toEqual([])
    expect(inputWords(found, String)).toEqual([])
  })

  it('are sets where one name had several digests', () => {
    const both = [debian(A), debian(B)]
    expect(
      differingInputs([
        { who: 'a', materials: both },
        { who: 'b', materials: both.toReversed() },
      ]),
    ).toEqual([])
    expect(
      differingInputs([
        { who: 'a', materials: both },
        { who: 'b', materials: [debian(A)] },
      ]).map(({ versions }) => versions.map(({ digests }) => digests)),
    ).toEqual([[[A], [A, B]]])
  })

  it('are shown on one line each, whatever their names hold, and not without end', () => {
    const uris = Array.from({ length: 30 }, (_, i) => `x${i}\u001b[2J\n`)
    const of = (digest: string) => uris.map((uri) => ({ uri, digest }))
    const lines = inputWords(
      differingInputs([
        { who: 'a', materials: of(A) },
        { who: 'b', materials: of(B) },
      ]),
      String,
    )
    expect(lines).toHaveLength(22)
    expect(lines.join('')).not.toMatch(/\p{Cc}/u)
    expect(lines.at(-1)).toBe('  and 10 more')
  })
})
