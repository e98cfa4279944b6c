/**
 * Where a command writes: answers to standard output, diagnostics to standard error.
 *
 * With `--json` standard output carries JSON and nothing else. Text for a person is made safe here,
 * in this one place, before any colour is put on it.
 */
import pc from 'picocolors'
import { safeJson, safeText } from './safe-text.ts'
import { faint, type Text, type Tone } from './style.ts'

const DEFAULT_COLUMNS = 80

export interface Sink {
  write(text: string): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

export interface OutputOptions {
  readonly json: boolean
  readonly environment: NodeJS.ProcessEnv
}

export class Output {
  readonly json: boolean
  readonly #out: Sink
  readonly #err: Sink
  readonly #colours: ReturnType<typeof pc.createColors>
  readonly #errColours: ReturnType<typeof pc.createColors>

  constructor(out: Sink, err: Sink, { json, environment }: OutputOptions) {
    this.json = json
    this.#out = out
    this.#err = err
    this.#colours = pc.createColors(wantsColour(out, environment))
    this.#errColours = pc.createColors(wantsColour(err, environment))
  }

  /** One JSON value on a line of its own. */
  value(value: unknown): void {
    this.#out.write(`${safeJson(value)}\n`)
  }

  line(...texts: Text[]): void {
    this.#out.write(`${texts.map((text) => this.#paint(text)).join('')}\n`)
  }

  /** Rows in columns that are as wide as their widest cell. */
  table(header: readonly string[], rows: readonly (readonly Text[])[]): void {
    const all = [header.map(faint), ...rows]
    const widths = header.map((_, column) =>
      Math.max(...all.map((row) => width(row[column] ?? ''))),
    )
    for (const row of all) {
      const cells = header.map((_, column) => {
        const cell = row[column] ?? ''
        const last = column === header.length - 1
        const padding = last ? '' : ' '.repeat((widths[column] ?? 0) - width(cell))
        return `${this.#paint(cell)}${padding}`
      })
      this.#out.write(`${cells.join('  ').trimEnd()}\n`)
    }
  }

  /** Labels and values, one a line; a list of values has a line for each. */
  facts(facts: readonly (readonly [label: string, value: Text | readonly Text[]])[]): void {
    const labelWidth = Math.max(...facts.map(([label]) => label.length))
    for (const [label, value] of facts) {
      const values = Array.isArray(value) ? (value as readonly Text[]) : [value as Text]
      values.forEach((each, index) => {
        this.line(faint((index === 0 ? label : '').padEnd(labelWidth)), '  ', each)
      })
    }
  }

  /** A diagnostic, on standard error. */
  note(...texts: Text[]): void {
    this.#err.write(`${texts.map((text) => this.#paint(text, this.#errColours)).join('')}\n`)
  }

  /** A line that the next one replaces, on a terminal only; an empty one takes it away. */
  progress(text: string): void {
    if (this.#err.isTTY !== true) return
    const { columns: told = 0 } = this.#err
    // A terminal that does not know its width says 0.
    const columns = Math.max(10, (told === 0 ? DEFAULT_COLUMNS : told) - 1)
    const shown = Array.from(safeText(text)).slice(0, columns).join('')
    this.#err.write(`\r\u001b[2K${this.#errColours.dim(shown)}`)
  }

  #paint(text: Text, colours = this.#colours): string {
    if (typeof text === 'string') return safeText(text)
    return PAINT[text.tone](safeText(text.text), colours)
  }
}

const PAINT: Readonly<
  Record<Tone, (text: string, colours: ReturnType<typeof pc.createColors>) => string>
> = {
  plain: (text) => text,
  strong: (text, colours) => colours.bold(text),
  faint: (text, colours) => colours.dim(text),
  good: (text, colours) => colours.green(text),
  bad: (text, colours) => colours.red(text),
  warn: (text, colours) => colours.yellow(text),
}

function width(text: Text): number {
  return Array.from(safeText(typeof text === 'string' ? text : text.text)).length
}

/** Colours on a terminal, unless NO_COLOR has any value (https://no-color.org) or TERM is dumb. */
function wantsColour(sink: Sink, environment: NodeJS.ProcessEnv): boolean {
  const { NO_COLOR: noColour, TERM: terminal } = environment
  return sink.isTTY === true && (noColour ?? '') === '' && terminal !== 'dumb'
}
