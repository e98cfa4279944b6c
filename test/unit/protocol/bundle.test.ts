import { describe, expect, it } from 'vitest'
import { BundleError, encodeBundle, parseBundle } from '../../../protocol/bundle.ts'
import { utf8 } from '../../../protocol/bytes.ts'
import { TestLog } from '../../support/logs.ts'
import { digestOf, makeOperator, makeRelease, TEST_IMAGE } from '../../support/statements.ts'

const alice = makeOperator('alice')
const release = makeRelease({ operator: alice })
const log = new TestLog(alice).add(alice.card, release)
const bundle = {
  questions: [{ repository: TEST_IMAGE, digest: digestOf('good'), platform: 'linux/amd64' }],
  statements: [alice.card.bytes, release.bytes],
  logs: [{ head: log.head().bytes, slots: log.slots() }],
  proofs: [Uint8Array.of(1, 2, 3)],
}
const bytes = encodeBundle(bundle)

/** Asks about one image where the first `image` counts, and about another where the last does. */
const QUESTION_OF_B = `"image":"b","digest":"${digestOf('good')}","platform":"linux/amd64"}`

/** An entry of any type, behind the bundle's first line. */
function made(...entries: readonly [type: number, data: Uint8Array][]): Uint8Array {
  const parts = entries.flatMap(([type, data]) => [type, 0, 0, 0, data.length, ...data])
  return Uint8Array.from([...utf8('rebuildnet bundle 1\n'), ...parts])
}

function codeOf(data: Uint8Array): string | undefined {
  try {
    parseBundle(data)
    return undefined
  } catch (error) {
    if (!(error instanceof BundleError)) throw error
    return error.code
  }
}

describe('a bundle', () => {
  it('gives back what was put into it, in one spelling whatever the order', () => {
    const { statements, ...rest } = parseBundle(bytes)
    const { questions, logs, proofs } = bundle
    expect(rest).toEqual({ questions, logs, proofs })
    expect(statements.map((each) => each.length).sort()).toEqual(
      bundle.statements.map((each) => each.length).sort(),
    )
    expect(encodeBundle({ ...bundle, statements: bundle.statements.toReversed() })).toEqual(bytes)
    expect(encodeBundle(parseBundle(bytes))).toEqual(bytes)
  })

  it('that was cut anywhere is refused, unless whole entries are left', () => {
    let whole = 0
    for (let length = 0; length < bytes.length; length++) {
      const code = codeOf(bytes.subarray(0, length))
      if (code === undefined) whole++
      else expect(['not-a-bundle', 'malformed', 'newer-format']).toContain(code)
    }
    // After the first line, the question, each statement and the log.
    expect(whole).toBe(5)
  })

  it.each([
    ['not-a-bundle', utf8('hello')],
    ['newer-format', utf8('rebuildnet bundle 2\n')],
    ['malformed', made([9, Uint8Array.of(1)])],
    ['malformed', made([3, Uint8Array.of(1)])],
    ['malformed', made([4, new Uint8Array(49)])],
    ['malformed', made([3, Uint8Array.of(1)], [4, new Uint8Array(48)])],
    ['malformed', made([3, Uint8Array.of(1)], [5, Uint8Array.of(1)])],
    ['malformed', made([1, utf8('{')])],
    ['malformed', made([1, utf8('null')])],
    ['malformed', made([1, utf8('{"image":"a","digest":"b","platform":"c"}')])],
    ['malformed', made([1, utf8(`{"image":"a",${QUESTION_OF_B}`)])],
  ])('is %s where it is not one of ours (%#)', (code, data) => {
    expect(codeOf(data)).toBe(code)
  })
})
