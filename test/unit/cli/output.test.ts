import { describe, expect, it } from 'vitest'
import { Output } from '../../../cli/terminal/output.ts'
import { bad, good } from '../../../cli/terminal/style.ts'

function makeOutput(options: { terminal?: boolean; environment?: NodeJS.ProcessEnv } = {}) {
  const written = { out: '', err: '' }
  const isTTY = options.terminal ?? false
  const output = new Output(
    { write: (text) => (written.out += text), isTTY },
    { write: (text) => (written.err += text), isTTY, columns: 20 },
    { json: false, environment: options.environment ?? {} },
  )
  return { output, written }
}

describe('colours', () => {
  it('are shown on a terminal', () => {
    const { output, written } = makeOutput({ terminal: true })
    output.line(good('allow'))
    expect(written.out).toBe('\u001b[32mallow\u001b[39m\n')
  })

  it('are not shown in a pipe', () => {
    const { output, written } = makeOutput()
    output.line(bad('deny'))
    expect(written.out).toBe('deny\n')
  })

  it.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('are not shown with %o', (environment) => {
    const { output, written } = makeOutput({ terminal: true, environment })
    output.line(bad('deny'))
    expect(written.out).toBe('deny\n')
  })

  it('are shown where NO_COLOR is empty, as its convention says', () => {
    const { output, written } = makeOutput({ terminal: true, environment: { NO_COLOR: '' } })
    output.line(good('allow'))
    expect(written.out).toContain('\u001b[32m')
  })

  it('cannot be set by the text itself', () => {
    const { output, written } = makeOutput({ terminal: true })
    output.line(bad('deny\u001b[32m'))
    expect(written.out).toBe('\u001b[31mdeny[32m\u001b[39m\n')
  })
})

describe('a table', () => {
  it('has columns as wide as what is shown in them, whatever was given', () => {
    const { output, written } = makeOutput()
    output.table(
      ['name', 'vote'],
      [
        ['A\u001bda', good('yes')],
        ['Zoë the second', 'no'],
      ],
    )
    expect(written.out.split('\n')).toEqual([
      'name            vote',
      'Ada             yes',
      'Zoë the second  no',
      '',
    ])
  })

  it('keeps each row on its line', () => {
    const { output, written } = makeOutput()
    output.table(['reason'], [['first\nforged  allow']])
    expect(written.out).toBe('reason\nfirst forged  allow\n')
  })
})

describe('facts', () => {
  it('give each value of a list its own line', () => {
    const { output, written } = makeOutput()
    output.facts([
      ['a', 'one'],
      ['long', ['two', 'three']],
    ])
    expect(written.out).toBe('a     one\nlong  two\n      three\n')
  })
})

describe('progress', () => {
  it('is one line of the terminal, never more', () => {
    const { output, written } = makeOutput({ terminal: true, environment: { NO_COLOR: '1' } })
    output.progress('reading a layer that has\na very long name')
    expect(written.err).toBe('\r\u001b[2Kreading a layer tha')
  })

  it('is not written into a pipe', () => {
    const { output, written } = makeOutput()
    output.progress('reading')
    expect(written.err).toBe('')
  })
})

describe('diagnostics', () => {
  it('go to standard error and leave standard output alone', () => {
    const { output, written } = makeOutput()
    output.note('careful')
    expect(written).toEqual({ out: '', err: 'careful\n' })
  })
})
