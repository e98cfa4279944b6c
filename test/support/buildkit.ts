/** BuildKit and buildx as .ci/buildkit.mjs has built them. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export type FoundKit =
  { readonly folder: string; readonly version: string } | { readonly unavailable: string }

const SCRIPT = fileURLToPath(new URL('../../.ci/buildkit.mjs', import.meta.url))

/** Looks only; `npm test` builds them before the tests begin. */
export function findKit(name: 'buildkit' | 'buildx'): FoundKit {
  const { stdout } = spawnSync(process.execPath, [SCRIPT, '--cached'], { encoding: 'utf8' })
  const found = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as FoundKit & { readonly name: string })
    .find((each) => each.name === name)
  if (found === undefined) throw new Error(`.ci/buildkit.mjs knows no ${name}`)
  return found
}
