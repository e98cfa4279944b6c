import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { issueWords } from '../../../protocol/issue-words.ts'

describe('what is wrong with a value', () => {
  it.each<[z.ZodType, unknown, string]>([
    [z.string().min(1), '', 'must not be empty'],
    [z.string().min(8), 'a', 'must have 8 characters or more'],
    [z.string().max(2), 'abc', 'must have at most 2 characters'],
    [z.array(z.string()).max(1), ['a', 'b'], 'must have at most 1 item'],
    [z.number().min(1), -1, 'must be 1 or more'],
    [z.number().max(64), 65, 'must be 64 or less'],
    [z.number().int(), 1.5, 'must be a whole number'],
    [z.string(), undefined, 'is missing'],
    [z.boolean(), 'yes', 'must be true or false'],
    [z.url(), 'x', 'must be a URL'],
    [z.string().regex(/a/), 'b', 'is not spelled as it must be'],
    [z.string().regex(/a/, 'must have an a'), 'b', 'must have an a'],
    [z.enum(['a', 'b']), 'c', 'must be one of a, b'],
    [z.literal(1), 2, 'must be 1'],
  ])('is said in words: %#', (schema, value, words) => {
    expect(issueWords(schema.safeParse(value).error?.issues[0])).toBe(words)
  })
})
