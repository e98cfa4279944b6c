/**
 * One command run to its end, and nothing of it left behind.
 *
 * An argv, never a shell line; an environment that is given whole, never inherited; a time-out; a
 * log of bounded size. It ends by SIGTERM and then SIGKILL to the whole process group and to the
 * control group; in a sandbox the kernel ends the rest. How it ended is a value.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process'
import type { Readable } from 'node:stream'
import type { BuildLog } from './build-log.ts'
import type { Cgroup } from './cgroup.ts'
import { enterSandbox, type Sandbox } from './sandbox.ts'

export interface CommandOptions {
  readonly cwd: string
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>
  readonly timeoutMs: number
  readonly signal: AbortSignal
  /** Takes both streams, in the order in which they arrive. */
  readonly log: BuildLog
  /** Keep standard output, at most 1 MiB of it, in place of logging it. */
  readonly keepOutput?: boolean
  /** Another bound for it. */
  readonly maxKeptBytes?: number
  readonly sandbox?: Sandbox
  readonly cgroup?: Cgroup
  /** Between SIGTERM and SIGKILL. */
  readonly killGraceMs?: number
}

export interface CommandResult {
  /** Absent where a signal ended it, or it could not be started. */
  readonly exitCode: number | undefined
  readonly signal: NodeJS.Signals | undefined
  /** Why it could not be started. */
  readonly startError: Error | undefined
  readonly timedOut: boolean
  readonly cancelled: boolean
  /** True where the log does not hold all that it wrote. */
  readonly outputTruncated: boolean
  /** True where not all of standard output was kept. */
  readonly keptTruncated: boolean
  /** Standard output, where it was kept. */
  readonly output: string
  /** The end of what it wrote, up to 8 KiB, for telling what went wrong. */
  readonly tail: string
  readonly durationMs: number
}

const KILL_GRACE_MS = 3000
const PIPE_GRACE_MS = 1000
const MAX_KEPT_BYTES = 1024 * 1024
const TAIL_BYTES = 8 * 1024

/** Enters the control groups named up to `--`, then becomes the command. Fixed text, no parsing. */
const JOIN = `set -eu
umask 022
while [ "$1" != -- ]; do echo 0 > "$1"; shift; done
shift
exec "$@"`

export function succeeded(result: CommandResult): boolean {
  return result.exitCode === 0 && !result.timedOut && !result.cancelled
}

export async function runCommand(
  command: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  const confined =
    options.sandbox === undefined
      ? command
      : await enterSandbox(options.sandbox, command, options.cwd)
  const entrances = options.cgroup?.entrances ?? []
  const argv = ['/bin/sh', '-c', JOIN, 'rebuildnet-join', ...entrances, '--', ...confined]
  return new Command(argv, options).run()
}

class Command {
  readonly #argv: readonly string[]
  readonly #options: CommandOptions
  #output: Buffer[] = []
  #outputBytes = 0
  #tail = Buffer.alloc(0)
  #timedOut = false
  #cancelled = false

  constructor(argv: readonly string[], options: CommandOptions) {
    this.#argv = argv
    this.#options = options
  }

  async run(): Promise<CommandResult> {
    const { signal, timeoutMs, cgroup } = this.#options
    const started = performance.now()
    if (signal.aborted) {
      this.#cancelled = true
      return this.#result(started, undefined, undefined, undefined)
    }
    let child: ChildProcessByStdio<null, Readable, Readable>
    try {
      child = this.#spawn()
    } catch (error) {
      // A recipe may put a NUL byte into an argument.
      return this.#result(started, undefined, undefined, error as Error)
    }
    child.stdout.on('data', (chunk: Buffer) => this.#take(chunk, this.#options.keepOutput ?? false))
    child.stderr.on('data', (chunk: Buffer) => this.#take(chunk, false))

    let killTimer: NodeJS.Timeout | undefined
    const stop = (): void => {
      if (killTimer !== undefined || child.pid === undefined) return
      const group = child.pid
      signalGroup(group, 'SIGTERM')
      killTimer = setTimeout(() => {
        signalGroup(group, 'SIGKILL')
        void cgroup?.kill()
      }, this.#options.killGraceMs ?? KILL_GRACE_MS)
    }
    const cancel = (): void => {
      this.#cancelled = true
      stop()
    }
    const timer = setTimeout(() => {
      this.#timedOut = true
      stop()
    }, timeoutMs)
    signal.addEventListener('abort', cancel, { once: true })

    try {
      return await new Promise<CommandResult>((resolve) => {
        const finish = (code: number | null, by: NodeJS.Signals | null, error?: Error): void =>
          resolve(this.#result(started, code ?? undefined, by ?? undefined, error))
        child.once('error', (error) => finish(null, null, error))
        child.once('close', finish)
        child.once('exit', (code, by) => {
          // What is left of the group, or a daemon in the control group, would hold the pipes.
          if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL')
          setTimeout(() => {
            child.stdout.destroy()
            child.stderr.destroy()
            finish(code, by)
          }, PIPE_GRACE_MS).unref()
        })
      })
    } finally {
      clearTimeout(timer)
      clearTimeout(killTimer)
      signal.removeEventListener('abort', cancel)
      await cgroup?.kill()
    }
  }

  get #maxKept(): number {
    return this.#options.maxKeptBytes ?? MAX_KEPT_BYTES
  }

  #spawn(): ChildProcessByStdio<null, Readable, Readable> {
    const [file = '', ...args] = this.#argv
    return spawn(file, args, {
      cwd: this.#options.cwd,
      env: { ...this.#options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group of its own, so that it can be signalled as one.
      detached: true,
    })
  }

  #take(chunk: Buffer, keep: boolean): void {
    if (keep) {
      if (this.#outputBytes < this.#maxKept) this.#output.push(chunk)
      this.#outputBytes += chunk.length
      return
    }
    this.#options.log.write(chunk)
    this.#tail = Buffer.concat([this.#tail, chunk]).subarray(-TAIL_BYTES)
  }

  #result(
    started: number,
    exitCode: number | undefined,
    signal: NodeJS.Signals | undefined,
    startError: Error | undefined,
  ): CommandResult {
    return {
      exitCode,
      signal,
      startError,
      timedOut: this.#timedOut,
      cancelled: this.#cancelled,
      keptTruncated: this.#outputBytes > this.#maxKept,
      outputTruncated: this.#options.log.truncated || this.#outputBytes > this.#maxKept,
      output: Buffer.concat(this.#output).toString('utf8'),
      tail: this.#tail.toString('utf8'),
      durationMs: Math.round(performance.now() - started),
    }
  }
}

function signalGroup(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal)
  } catch {
    // Nothing of it is left.
  }
}
