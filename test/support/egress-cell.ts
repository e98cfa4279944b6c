/** A network for a build, with real namespaces and sockets, in which a test runs lines of shell. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { BuildLog } from '../../node/rebuild/build-log.ts'
import { runCommand } from '../../node/rebuild/command.ts'
import { Egress, type EgressOptions } from '../../node/rebuild/egress/egress.ts'
import type { EgressPolicy } from '../../node/rebuild/egress/policy.ts'
import { SYSTEM_PATH } from '../../node/rebuild/sandbox.ts'
import { missingTools } from '../../node/system/packages.ts'

export const CELL_TOOLS = ['busybox', 'unshare', 'mount', 'ip']

/** Needs these tools and root; never skipped in CI. */
export function runsCells(): boolean {
  const missing = missingTools('test').filter(({ name }) => CELL_TOOLS.includes(name))
  return process.env.CI === 'true' || (missing.length === 0 && process.getuid?.() === 0)
}

/** Names that there are for the builds of tests. */
const names: Readonly<Record<string, readonly string[]>> = {
  'site.example': ['127.0.0.1'],
  'far.example': ['93.184.216.34'],
  'inside.example': ['10.1.2.3'],
  'mixed.example': ['93.184.216.34', '10.1.2.3'],
}

const resolve = async (host: string): Promise<readonly string[]> => {
  const addresses = names[host]
  if (addresses !== undefined) return addresses
  const code = host === 'away.example' ? 'EAI_AGAIN' : 'ENOTFOUND'
  throw Object.assign(new Error(code), { code })
}

export interface TestCell {
  readonly egress: Egress
  /** Standard output and error of a shell line in the network. */
  run(line: string): Promise<string>
  readLog(): Promise<string>
}

export async function openCell(
  policy: EgressPolicy,
  options: Partial<EgressOptions> = {},
): Promise<TestCell> {
  const folder = await mkdtemp(join(tmpdir(), 'rebuildnet-egress-'))
  const log = new BuildLog(join(folder, 'log'), 1 << 20)
  const egress = await Egress.open(
    { log, resolve },
    { policies: [policy], maxBytes: 1 << 20, ...options },
  )
  onTestFinished(async () => {
    await egress.close()
    log.close()
    await rm(folder, { recursive: true, force: true })
  })
  return {
    egress,
    run: async (line) => {
      const result = await runCommand(['sh', '-c', `exec 2>&1; ${line}`], {
        cwd: '/tmp',
        env: { PATH: SYSTEM_PATH },
        timeoutMs: 60_000,
        signal: new AbortController().signal,
        log,
        keepOutput: true,
        sandbox: {
          root: await mkdtemp(join(folder, 'root-')),
          writable: [],
          readable: [],
          network: egress.network,
        },
      })
      return result.output
    },
    readLog: () => readFile(join(folder, 'log'), 'utf8'),
  }
}

export const fetchLine = (url: string): string => `busybox timeout 20 busybox wget -q -O - ${url}`
