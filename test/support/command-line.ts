/** The command line in this process, against an API whose state lies in memory; and the real program. */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PassThrough, Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import type { Io } from '../../cli/context.ts'
import { runProgram } from '../../cli/program.ts'
import { TestApi } from './api-server.ts'

export interface Ran {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
  /** Standard output as one JSON value; throws where it is anything else. */
  readonly json: unknown
}

export interface RunOptions {
  readonly environment?: NodeJS.ProcessEnv
  /** Standard output and standard error are terminals. */
  readonly terminal?: boolean
  /** Columns of the terminal; 60 where absent. */
  readonly columns?: number
  /** Called with each text that is written, to either. */
  readonly onOutput?: (text: string, stop: () => void) => void
  /** Keys that are typed once a question is on the screen. */
  readonly typed?: string
  /** Keys that are typed at each question. */
  readonly typedEach?: string
}

function describe(exitCode: number, stdout: string, stderr: string): Ran {
  return {
    exitCode,
    stdout,
    stderr,
    get json() {
      if (!/^[^\n]+\n$/.test(stdout)) throw new Error(`not one line of JSON: ${stdout}`)
      return JSON.parse(stdout) as unknown
    },
  }
}

/** Runs a command line in this process. */
export async function runHere(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  let stdout = ''
  let stderr = ''
  let stop = (): void => undefined
  let { typed } = options
  const asked = new Set<string>()
  const isTTY = options.terminal ?? false
  const stdin = Object.assign(new PassThrough(), { isTTY, setRawMode: () => stdin })
  const io: Io = {
    stdout: {
      write: (text) => {
        stdout += text
        options.onOutput?.(text, () => stop())
      },
      isTTY,
    },
    stderr: Object.assign(
      new Writable({
        decodeStrings: false,
        write: (text: string, _encoding, done) => {
          stderr += text
          // The hand of a person: it types when it is asked, and once.
          if (typed !== undefined && text.includes('?')) {
            const keys = typed
            typed = undefined
            setImmediate(() => stdin.write(keys))
          }
          // A question is drawn again with each key.
          const question = /[A-Z][^?]*\?/.exec(text)?.[0]
          if (options.typedEach !== undefined && question !== undefined && !asked.has(question)) {
            asked.add(question)
            const keys = options.typedEach
            setImmediate(() => stdin.write(keys))
          }
          options.onOutput?.(text, () => stop())
          done()
        },
      }),
      { isTTY, columns: options.columns ?? 60 },
    ),
    stdin,
    environment: options.environment ?? {},
    onStop: (listener) => {
      stop = listener
      return () => undefined
    },
  }
  const exitCode = await runProgram(argv, io)
  return describe(exitCode, stdout, stderr)
}

/** A served API whose folder passes for a data folder, and commands on it. */
export class TestNode {
  readonly api: TestApi

  private constructor(api: TestApi) {
    this.api = api
  }

  static async start(): Promise<TestNode> {
    const api = await TestApi.start()
    await mkdir(join(api.folder, 'keys'))
    await writeFile(join(api.folder, 'keys', 'signing.key'), 'only its presence matters here')
    return new TestNode(api)
  }

  run(...argv: string[]): Promise<Ran> {
    return runHere([...argv, '--data', this.api.folder])
  }

  runWith(options: RunOptions, ...argv: string[]): Promise<Ran> {
    return runHere([...argv, '--data', this.api.folder], options)
  }

  /** A file beside the data, by its path. */
  async file(name: string, content: string): Promise<string> {
    const path = join(this.api.folder, name)
    await writeFile(path, content)
    return path
  }

  stop(): Promise<void> {
    return this.api.stop()
  }
}

export const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** Runs the program as it is installed; `.ci/prepare.mjs` has built it. */
export function runProgramFile(
  argv: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [MAIN, ...argv],
      { env: environment, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1
        resolve(describe(code, stdout, stderr))
      },
    )
  })
}
