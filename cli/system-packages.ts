/**
 * `node dist/cli/system-packages.js demo|test [--no-install]`: sees to the system packages.
 *
 * Quick and silent when nothing is missing. Exits 0 also where something is, since what needs it is
 * skipped with its name; 2 in CI, where nothing may be, and for a wrong argument.
 */
import { ensureTools, MissingToolsError, type Purpose } from '../node/system/packages.ts'

const PURPOSES: readonly Purpose[] = ['node', 'demo', 'test']

const args = process.argv.slice(2)
const purpose = PURPOSES.find((name) => name === args[0])
const unknown = args.slice(1).find((arg) => arg !== '--no-install')

const say = (line: string): void => void process.stderr.write(`system packages: ${line}\n`)

if (purpose === undefined || unknown !== undefined) {
  say(`usage: system-packages ${PURPOSES.join('|')} [--no-install]`)
  process.exitCode = 2
} else {
  try {
    await ensureTools(purpose, { install: !args.includes('--no-install'), say })
  } catch (error) {
    if (!(error instanceof MissingToolsError)) throw error
    say(error.message)
    process.exitCode = 2
  }
}
