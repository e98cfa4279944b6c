/**
 * Runs the command line of this process.
 *
 * Exit codes are answers here: 0 allows and 1 denies. So whatever goes wrong outside of a command,
 * such as an answer that could not be written, ends with 2 and never with Node's own 1.
 */
import type { Io } from './context.ts'
import { EXIT } from './exit-code.ts'
import { stackOf, toFailure } from './failure.ts'
import { runProgram } from './program.ts'
import { describeSystemError } from '../node/system-error.ts'
import { safeText } from './terminal/safe-text.ts'

export async function runProcess(): Promise<number> {
  const stopListeners = new Set<() => void>()
  const answer = { broken: false }

  /** An answer that nobody gets is none: what can stop in order does, and the rest ends here. */
  const giveUp = (line: string | undefined): void => {
    if (answer.broken) return
    answer.broken = true
    if (line !== undefined) process.stderr.write(`rebuildnet: ${safeText(line)}\n`)
    if (stopListeners.size === 0) process.exit(EXIT.error)
    process.exitCode = EXIT.error
    for (const listener of stopListeners) listener()
  }
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // Whoever reads us may stop reading, as `head` does: that needs no words.
    const quiet = error.code === 'EPIPE'
    giveUp(quiet ? undefined : `the answer cannot be written: ${describeSystemError(error)}`)
  })
  process.stderr.on('error', () => giveUp(undefined))
  process.on('uncaughtException', (error) => {
    process.stderr.write(`rebuildnet: ${safeText(toFailure(error).message)}\n`)
    const stack = (process.env.REBUILDNET_DEBUG ?? '') === '' ? undefined : stackOf(error)
    if (stack !== undefined) process.stderr.write(`${stack}\n`)
    process.exit(EXIT.error)
  })

  const exitCode = await runProgram(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    stdin: process.stdin,
    environment: process.env,
    onStop: stopOnSignals(stopListeners),
  })
  // What was written last says only now that it could not be.
  await new Promise((resolve) => setImmediate(resolve))
  return answer.broken ? EXIT.error : exitCode
}

function stopOnSignals(listeners: Set<() => void>): Io['onStop'] {
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
  return (listener) => {
    listeners.add(listener)
    for (const signal of signals) process.once(signal, listener)
    return () => {
      listeners.delete(listener)
      for (const signal of signals) process.off(signal, listener)
    }
  }
}
