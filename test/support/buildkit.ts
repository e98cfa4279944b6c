/** BuildKit as .ci/buildkit.mjs has built it. */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export type FoundBuildKit =
  { readonly folder: string; readonly version: string } | { readonly unavailable: string }

const SCRIPT = fileURLToPath(new URL('../../.ci/buildkit.mjs', import.meta.url))

/** Looks only; `npm test` builds it before the tests begin. */
export function findBuildKit(): FoundBuildKit {
  const { stdout } = spawnSync(process.execPath, [SCRIPT, '--cached'], { encoding: 'utf8' })
  return JSON.parse(stdout) as FoundBuildKit
}
