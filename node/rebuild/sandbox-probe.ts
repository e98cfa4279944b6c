/** What of a sandbox this machine and this user can give; tried, not guessed. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NetworkCell } from './egress/network-cell.ts'
import { enterSandbox, SYSTEM_PATH, type Sandbox } from './sandbox.ts'
import { chooseUserRange } from './user-range.ts'

/**
 * `processes`: nothing outlives a command. `view`: it sees no file of this machine but programs.
 * `network`: it can be without any. `egress`: what it reaches can be chosen. `users`: its root is
 * nobody on this machine.
 */
export type SandboxFeature = 'processes' | 'view' | 'network' | 'users' | 'egress'

let probed: Promise<ReadonlySet<SandboxFeature>> | undefined

/** What this machine and user can give; tried once in the life of the process. */
export async function probeSandbox(): Promise<ReadonlySet<SandboxFeature>> {
  probed ??= probe()
  return probed
}

async function probe(): Promise<ReadonlySet<SandboxFeature>> {
  const features = new Set<SandboxFeature>()
  if (process.getuid?.() !== 0) return features
  const root = await mkdtemp(join(tmpdir(), 'rebuildnet-probe-'))
  const none = { writable: [], readable: [] }
  try {
    if (await works({ ...none, network: true })) features.add('processes')
    if (await works({ ...none, network: true, root })) features.add('view')
    if (await works({ ...none, network: false })) features.add('network')
    if (features.has('view') && (await canConnect())) features.add('egress')
    const ids = await chooseUserRange()
    if (ids !== undefined && (await works({ ...none, network: true, root, ids }))) {
      features.add('users')
    }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
  return features
}

async function works(sandbox: Sandbox): Promise<boolean> {
  const [file = '', ...args] = await enterSandbox(sandbox, ['true'], '/')
  return new Promise((resolve) => {
    const child = spawn(file, args, {
      stdio: 'ignore',
      env: { PATH: SYSTEM_PATH },
      timeout: 10_000,
    })
    child.once('error', () => resolve(false))
    child.once('exit', (code) => resolve(code === 0))
  })
}

async function canConnect(): Promise<boolean> {
  try {
    const cell = await NetworkCell.open({ ports: [80], loopbackPorts: [] })
    await cell.close()
    return true
  } catch {
    return false
  }
}
