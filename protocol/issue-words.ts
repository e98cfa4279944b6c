/**
 * What zod finds wrong with a value, in words that follow the name of the value: `must not be
 * empty`. Its own messages speak of types and code to people who wrote a file or a flag.
 */
import type { z } from 'zod'

const TYPES: Readonly<Record<string, string>> = {
  int: 'a whole number',
  number: 'a number',
  string: 'a text',
  boolean: 'true or false',
  array: 'a list',
  object: 'a table of keys',
}

export function issueWords(issue: z.core.$ZodIssue | undefined): string {
  switch (issue?.code) {
    case 'invalid_value':
      return `must be ${oneOf(issue.values.map(String))}`
    case 'invalid_type':
      // The value itself is not in the issue.
      if (issue.message.endsWith('received undefined')) return 'is missing'
      return `must be ${TYPES[issue.expected] ?? `of type ${issue.expected}`}`
    case 'too_small':
      if (issue.origin === 'number') return `must be ${String(issue.minimum)} or more`
      if (Number(issue.minimum) <= 1) return 'must not be empty'
      return `must have ${String(issue.minimum)} ${unitOf(issue.origin, 2)} or more`
    case 'too_big':
      if (issue.origin === 'number') return `must be ${String(issue.maximum)} or less`
      return `must have at most ${String(issue.maximum)} ${unitOf(issue.origin, Number(issue.maximum))}`
    case 'invalid_format':
      if (!issue.message.startsWith('Invalid')) return issue.message
      return issue.format === 'url' ? 'must be a URL' : 'is not spelled as it must be'
    default:
      return issue?.message ?? 'is wrong'
  }
}

function oneOf(values: readonly string[]): string {
  return values.length === 1 ? (values[0] ?? '') : `one of ${values.join(', ')}`
}

function unitOf(origin: string, count: number): string {
  return `${origin === 'string' ? 'character' : 'item'}${count === 1 ? '' : 's'}`
}
