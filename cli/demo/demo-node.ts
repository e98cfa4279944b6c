/** One node of the demo: a process of its own with a data folder of its own, driven by its command line. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

/** The built command, also where this file is run from its source. */
const MAIN = fileURLToPath(
  new URL(
    import.meta.url.endsWith('.ts') ? '../../dist/cli/main.js' : '../main.js',
    import.meta.url,
  ),
)
const START_TIMEOUT_MS = 60_000
const STOP_TIMEOUT_MS = 20_000

/** What a command came to. */
export interface CommandResult {
  readonly exitCode: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs `rebuildnet ARGS` to its end. */
export async function runCommand(
  args: readonly string[],
  environment: NodeJS.ProcessEnv = process.env,
): Promise<CommandResult> {
  const child = spawn(process.execPath, [MAIN, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: environment,
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const [code] = (await once(child, 'close')) as [number | null]
  return { exitCode: code ?? -1, stdout, stderr }
}

export interface DemoNodeOptions {
  readonly name: string
  readonly folder: string
  readonly groups: readonly string[]
}

export class DemoNode {
  readonly name: string
  readonly folder: string
  readonly groups: readonly string[]
  #process: ChildProcess | undefined
  #operator = ''
  #address: string | undefined

  constructor({ name, folder, groups }: DemoNodeOptions) {
    this.name = name
    this.folder = folder
    this.groups = groups
  }

  get operator(): string {
    return this.#operator
  }

  /** Runs a command on this node's data folder; throws with its words where it exits with 2. */
  async command(...args: string[]): Promise<CommandResult> {
    const result = await runCommand([...args, '--data', this.folder])
    if (result.exitCode !== 2 && result.exitCode >= 0) return result
    throw new Error(`${this.name}: rebuildnet ${args.join(' ')}: ${result.stderr.trim()}`)
  }

  async json<T>(...args: string[]): Promise<T> {
    const { stdout } = await this.command(...args, '--json')
    return JSON.parse(stdout) as T
  }

  async init(): Promise<void> {
    const { operator } = await this.json<{ operator: string }>('init', '--name', this.name)
    this.#operator = operator
  }

  /** Writes the policy: these operators, `threshold` of whom must agree, and must have been heard of lately. */
  async trust(others: readonly DemoNode[], threshold: number): Promise<void> {
    const policy = join(this.folder, 'policy.toml')
    const text = (await readFile(policy, 'utf8')).replace(
      /^threshold = .*$/m,
      `threshold = ${threshold}`,
    )
    const blocks = others.map(
      ({ operator, name, groups }) =>
        `\n[[operator]]\nid = "${operator}"\nname = "${name}"\ngroups = ${JSON.stringify(groups)}\n`,
    )
    await writeFile(policy, text + blocks.join(''))
  }

  /** Resolves once the node says that it has started. */
  async start(args: readonly string[]): Promise<void> {
    const log = createWriteStream(join(this.folder, 'node.log'), { flags: 'a' })
    const child = spawn(
      process.execPath,
      [MAIN, 'start', '--json', '--data', this.folder, ...args],
      { stdio: ['ignore', 'pipe', 'pipe'] },
    )
    this.#process = child
    child.stderr.pipe(log, { end: false })
    const exited = once(child, 'exit').then(async () => {
      const words = await readFile(join(this.folder, 'node.log'), 'utf8')
      throw new Error(`${this.name} ended:\n${words}`)
    })
    const started = new Promise<void>((resolve) => {
      createInterface(child.stdout).on('line', (line) => {
        log.write(`${line}\n`)
        const event = JSON.parse(line) as { type: string; data: { listen?: readonly string[] } }
        if (event.type !== 'started') return
        this.#address = event.data.listen?.[0]
        resolve()
      })
    })
    const late = delay(START_TIMEOUT_MS, undefined, { ref: false }).then(() => {
      throw new Error(`${this.name} does not answer`)
    })
    await Promise.race([started, exited, late])
    // From here on its end is its own affair.
    exited.catch(() => undefined)
    late.catch(() => undefined)
  }

  /** The first address that others can dial. */
  get address(): string {
    if (this.#address === undefined) throw new Error(`${this.name} listens nowhere`)
    return this.#address
  }

  /** Ends it as a power cut would. */
  async kill(): Promise<void> {
    const child = this.#process
    if (child?.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
  }

  async stop(): Promise<void> {
    const child = this.#process
    if (child?.exitCode !== null || child.signalCode !== null) return
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
    await exited
    clearTimeout(late)
  }
}
