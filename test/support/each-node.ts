/** Runs ed25519-answers.ts on each supported Node, all of which the package brings. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Answers } from './ed25519-answers.ts'

const run = promisify(execFile)
const modules = join(import.meta.dirname, '..', '..', 'node_modules')

/** In the order 22, 24, 26; over outside vectors too, where REBUILDNET_VECTORS names them. */
export function answersOfEachNode(): Promise<Answers[]> {
  return Promise.all(
    ['node22', 'node', 'node26'].map(async (name) => {
      const script = join(import.meta.dirname, 'ed25519-answers.ts')
      const { stdout } = await run(join(modules, name, 'bin', 'node'), [script])
      return JSON.parse(stdout) as Answers
    }),
  )
}
