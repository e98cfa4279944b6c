/** The real program on a terminal of its own, with a person at it who waits for each question. */
import { spawn } from 'node:child_process'
import { stripVTControlCharacters } from 'node:util'
import { MAIN } from './command-line.ts'

/** What must be on the screen, and the keys that are typed then. */
export type Exchange = readonly [question: string, keys: string]

export interface TerminalRun {
  readonly exitCode: number
  /** All that was on the screen, without what moves the cursor. */
  readonly screen: string
}

/** `script` (util-linux, on every Debian) makes the terminal. */
export function runOnTerminal(
  argv: readonly string[],
  exchanges: readonly Exchange[],
  folder: string,
): Promise<TerminalRun> {
  const command = [process.execPath, MAIN, ...argv].map((word) => `'${word}'`).join(' ')
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    cwd: folder,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const waiting = [...exchanges]
  let screen = ''
  let read = 0
  child.stdout.on('data', (chunk: Buffer) => {
    screen += stripVTControlCharacters(chunk.toString('utf8'))
    const [next] = waiting
    const at = next === undefined ? -1 : screen.indexOf(next[0], read)
    if (next === undefined || at < 0) return
    read = at + next[0].length
    waiting.shift()
    child.stdin.write(next[1])
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      if (waiting.length > 0) reject(new Error(`never asked ${waiting[0]?.[0] ?? ''}:\n${screen}`))
      else resolve({ exitCode: code ?? -1, screen })
    })
  })
}
