import { describe, expect, it } from 'vitest'
import { parseDockerfile } from '../../../../../node/rebuild/dockerfile.ts'
import { runText } from '../../../../../node/rebuild/lint/run-text.ts'
import { readCommands } from '../../../../../node/rebuild/lint/shell-commands.ts'

function commandsOf(dockerfile: string): readonly string[] {
  const parsed = parseDockerfile(dockerfile)
  const at = parsed.instructions.findIndex(({ keyword }) => keyword === 'RUN')
  const lines = dockerfile.split('\n')
  const next = parsed.instructions[at + 1]?.line ?? lines.length + 1
  const instruction = parsed.instructions[at]
  if (instruction === undefined) throw new Error('no RUN')
  return readCommands(runText(lines, parsed, instruction, next)).map(
    ({ line, words, piped }) => `${line}: ${words.join(' ')}${piped ? ' |' : ''}`,
  )
}

describe('the commands of a RUN instruction', () => {
  it('each have the line on which they stand', () => {
    const text =
      'FROM a\nRUN set -e && \\\n  # a comment\n  apt-get update && \\\n\n  rm -rf /x; true\n'
    expect(commandsOf(text)).toEqual(['2: set -e', '4: apt-get update', '6: rm -rf /x', '6: true'])
  })

  it('are read from here documents, flags of the instruction left out', () => {
    const text =
      'FROM a\nRUN --mount=type=cache,target=/c <<EOF\ncurl https://a | tar x\nEOF\nRUN false\n'
    expect(commandsOf(text)).toContain('3: curl https://a |')
    expect(commandsOf(text)).toContain('3: tar x')
    expect(commandsOf(text).join()).not.toMatch(/mount|false/)
  })

  it('are read from the exec form', () => {
    expect(commandsOf('FROM a\nRUN ["curl", "https://a b"]\n')).toEqual(['2: curl https://a b'])
  })

  it('begin after assignments, keywords, wrappers, groups and substitutions', () => {
    const text =
      'FROM a\nRUN if A=1 env -i B="x y" wget u; then (sudo -E curl v || exit 1); fi && x=$(date +%s) && : "no ; command"\n'
    expect(commandsOf(text)).toEqual([
      '2: wget u',
      '2: curl v',
      '2: exit 1',
      '2: fi',
      '2: date +%s',
    ])
  })

  it('keep what is quoted or escaped in one word', () => {
    expect(commandsOf('FROM a\nRUN echo "a; b" \'c && d\' e\\;f\n')).toEqual([
      '2: echo a; b c && d e;f',
    ])
  })
})
