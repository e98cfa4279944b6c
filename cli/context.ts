/** What a command is given: where it writes, which node it asks, and when it must stop. */
import type { Readable, Writable } from 'node:stream'
import { chooseDataFolder } from '../node/data-folder.ts'
import { openSession, type Session } from './api/session.ts'
import { CliError } from './cli-error.ts'
import { Output, type Sink } from './terminal/output.ts'

/** The process around a command; tests bring their own. */
export interface Io {
  readonly stdout: Sink
  readonly stderr: Writable & Sink
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly environment: NodeJS.ProcessEnv
  /** Calls back when the user or the system asks the process to stop. */
  onStop(listener: () => void): () => void
}

export interface GlobalOptions {
  readonly json: boolean
  readonly data: string | undefined
}

export interface Question {
  /** What stands there to be changed or taken. */
  readonly initial?: string
  /** Why an answer cannot be taken; undefined where it can. */
  readonly refuse?: (answer: string) => string | undefined
}

export class Context {
  readonly io: Io
  readonly out: Output
  readonly dataFolder: string

  constructor(io: Io, { json, data }: GlobalOptions) {
    this.io = io
    this.out = new Output(io.stdout, io.stderr, { json, environment: io.environment })
    this.dataFolder = chooseDataFolder(data, io.environment)
  }

  get json(): boolean {
    return this.out.json
  }

  /** Works with the node of the data folder: the one that runs, else its state in this process. */
  async withNode<Result>(work: (session: Session) => Promise<Result>): Promise<Result> {
    const session = await openSession(this.dataFolder)
    try {
      return await work(session)
    } finally {
      await session.close()
    }
  }

  /** Runs until it is done or the process is asked to stop, which aborts the signal. */
  async untilStopped<Result>(work: (signal: AbortSignal) => Promise<Result>): Promise<Result> {
    const controller = new AbortController()
    const stopListening = this.io.onStop(() => controller.abort())
    try {
      return await work(controller.signal)
    } finally {
      stopListening()
    }
  }

  /** Asks a yes-or-no question on the terminal. Where there is none, `instead` says what to do. */
  async confirm(message: string, instead: string): Promise<boolean> {
    this.#requireTerminal(instead)
    const { confirm } = await import('@clack/prompts')
    const answer = await confirm({ message, initialValue: false, ...this.#terminal() })
    return answer === true
  }

  /** Asks for a line of text on the terminal; undefined where the user gives up. */
  async ask(
    message: string,
    instead: string,
    { initial, refuse }: Question = {},
  ): Promise<string | undefined> {
    this.#requireTerminal(instead)
    const { text } = await import('@clack/prompts')
    const answer = await text({
      message,
      ...this.#terminal(),
      ...(initial === undefined ? {} : { initialValue: initial }),
      validate: (value) => {
        const given = (value ?? '').trim()
        return given === '' ? 'This cannot be empty.' : refuse?.(given)
      },
    })
    return typeof answer === 'string' ? answer.trim() : undefined
  }

  /** Asks for a secret, of which the terminal shows nothing; undefined where the user gives up. */
  async askSecret(
    message: string,
    instead: string,
    check: (value: string) => string | undefined = () => undefined,
  ): Promise<string | undefined> {
    this.#requireTerminal(instead)
    const { password } = await import('@clack/prompts')
    const answer = await password({
      message,
      // Not even how long it is.
      mask: '',
      ...this.#terminal(),
      validate: (value) => check(value ?? ''),
    })
    return typeof answer === 'string' ? answer : undefined
  }

  /** Questions go where diagnostics go: standard output is for answers. */
  #terminal(): { input: Readable; output: Writable } {
    return { input: this.io.stdin, output: withSize(this.io.stderr) }
  }

  #requireTerminal(instead: string): void {
    if (this.io.stdin.isTTY !== true || this.io.stderr.isTTY !== true) {
      throw new CliError('not-a-terminal', instead)
    }
  }
}

const DEFAULT_SIZE = { columns: 80, rows: 24 } as const

/**
 * A terminal that says it has no columns or rows (a serial line, some CI) would get a letter a
 * line, or questions whose answers are never shown.
 */
function withSize(stream: Writable & Sink): Writable {
  const sized = stream as Writable & { readonly columns?: number; readonly rows?: number }
  for (const [side, value] of Object.entries(DEFAULT_SIZE)) {
    if (sized[side as keyof typeof DEFAULT_SIZE] !== 0) continue
    Object.defineProperty(stream, side, { value, writable: true, configurable: true })
  }
  return stream
}
