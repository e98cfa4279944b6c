/** Processes of a benchmark: each prints JSON values, one a line, and ends with its standard input. */
import { spawn, type ChildProcess } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Child {
  /** The next value that it prints. Throws where it ends before. */
  next<T>(): Promise<T>
  tell(value: unknown): void
  stop(): Promise<void>
}

/** `by` is what to run it by, such as `taskset -c 0`. */
export function startChild(
  script: string,
  args: readonly string[],
  by: readonly string[] = [],
): Child {
  const [command = '', ...rest] = [
    ...by,
    process.execPath,
    join(import.meta.dirname, script),
    ...args,
  ]
  const child: ChildProcess = spawn(command, rest, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const { stdin, stdout } = child
  if (stdin === null || stdout === null) throw new Error('a process without pipes')
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  return {
    next: async <T>() => {
      const line = await lines.next()
      if (line.done === true) throw new Error(`${script} has ended`)
      return JSON.parse(line.value) as T
    },
    tell: (value) => void stdin.write(`${JSON.stringify(value)}\n`),
    stop: async () => {
      stdin.end()
      await ended
    },
  }
}

/** Of a child: one value, as a line. */
export function print(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`)
}
