/**
 * What stands around every command of one build: the sandbox, the control group, the watch on the
 * disk, one deadline.
 *
 * After every command, even one that exits 0, they are asked whether anything was cut short, since
 * a build that ran into a limit says nothing about its recipe.
 */
import { randomUUID } from 'node:crypto'
import { BuildError } from './build-error.ts'
import type { BuildLog } from './build-log.ts'
import type { BuildJob } from './builder.ts'
import { Cgroup } from './cgroup.ts'
import { runCommand, type CommandOptions, type CommandResult } from './command.ts'
import { DiskWatch } from './disk-watch.ts'
import { isSystemProgram, type Sandbox, type SandboxFeature } from './sandbox.ts'

export interface ConfinementComponents {
  readonly features: ReadonlySet<SandboxFeature>
  readonly log: BuildLog
  /** Name of the builder, for messages. */
  readonly engine: string
  /** Empty folder on which the sandbox's root is assembled. */
  readonly root: string
}

export interface ConfinedOptions {
  readonly env: Readonly<Record<string, string>>
  /** False: no network but loopback. */
  readonly network: boolean
  /** What it may read beside the system's programs. */
  readonly readable: readonly string[]
  /** Keep standard output in place of logging it. */
  readonly keepOutput?: boolean
  /** False for a client whose end must not end what else is in the control group. */
  readonly limited?: boolean
  /** Ends this command alone, at once. */
  readonly signal?: AbortSignal
}

/** The part of a job that this is about. */
export type ConfinedJob = Pick<BuildJob, 'workDirectory' | 'limits'>

export class Confinement {
  readonly #job: ConfinedJob
  readonly #components: ConfinementComponents
  readonly #watch: DiskWatch
  readonly #signal: AbortSignal
  readonly #deadline: number
  #cgroup: Cgroup | undefined

  constructor(job: ConfinedJob, components: ConfinementComponents, signal: AbortSignal) {
    const { workDirectory, limits } = job
    this.#job = job
    this.#components = components
    this.#watch = new DiskWatch(workDirectory, {
      maxBytes: limits.diskBytes,
      minFreeBytes: limits.minFreeBytes,
    })
    this.#signal = AbortSignal.any([signal, this.#watch.signal])
    this.#deadline = performance.now() + limits.timeoutMs
  }

  async start(): Promise<void> {
    await this.#watch.start()
    this.#cgroup = await Cgroup.create(randomUUID(), this.#job.limits)
  }

  /** Ends whatever is left of the build. */
  async stop(): Promise<void> {
    this.#watch.stop()
    await this.#cgroup?.remove()
  }

  /** Runs `command` in the work folder. Throws BuildError where something bent it from outside. */
  async run(command: readonly string[], options: ConfinedOptions): Promise<CommandResult> {
    const result = await runCommand(command, this.#optionsOf(options))
    await this.#checkLimits(result)
    return result
  }

  /** Runs `command` until it ends by itself or by the signal; how it ended is for `run` to judge. */
  async attend(command: readonly string[], options: ConfinedOptions): Promise<CommandResult> {
    return runCommand(command, { ...this.#optionsOf(options), killGraceMs: 0 })
  }

  #optionsOf(options: ConfinedOptions): CommandOptions {
    const { env, keepOutput, limited, signal } = options
    return {
      cwd: this.#job.workDirectory,
      env,
      timeoutMs: Math.max(1, this.#deadline - performance.now()),
      signal: signal === undefined ? this.#signal : AbortSignal.any([this.#signal, signal]),
      log: this.#components.log,
      ...(keepOutput === undefined ? {} : { keepOutput }),
      ...this.#confine(options),
      ...(this.#cgroup === undefined || limited === false ? {} : { cgroup: this.#cgroup }),
    }
  }

  #confine({ network, readable }: ConfinedOptions): { sandbox?: Sandbox } {
    const { features, root } = this.#components
    if (!features.has('processes')) return {}
    return {
      sandbox: {
        ...(features.has('view') ? { root } : {}),
        writable: [this.#job.workDirectory],
        readable: readable.filter((path) => !isSystemProgram(path)),
        network,
      },
    }
  }

  /** Throws where something from outside has bent the command, whatever its exit code is. */
  async #checkLimits(result: CommandResult): Promise<void> {
    const { limits, workDirectory } = this.#job
    const { engine, log } = this.#components
    await this.#watch.check()
    const logError = log.failure as NodeJS.ErrnoException | undefined
    if (this.#watch.trouble === 'over-limit') {
      throw new BuildError(
        'disk-full',
        `the build is over its disk limit of ${limits.diskBytes} bytes: raise the limit`,
      )
    }
    if (this.#watch.trouble === 'disk-full' || logError?.code === 'ENOSPC') {
      throw new BuildError(
        'disk-full',
        `disk full while building: less than ${limits.minFreeBytes} bytes free under ${workDirectory}`,
      )
    }
    const events = await this.#cgroup?.events()
    if (events !== undefined && events.oomKills > 0) {
      throw new BuildError(
        'out-of-memory',
        `a process of the build was killed at the memory limit of ${limits.memoryBytes} bytes: raise the limit`,
      )
    }
    if (events !== undefined && events.forksRefused > 0) {
      throw new BuildError(
        'too-many-processes',
        `the build reached the limit of ${limits.processes} processes: raise the limit`,
      )
    }
    if (result.cancelled) throw new BuildError('build-cancelled', 'the build was cancelled')
    if (result.timedOut) {
      throw new BuildError(
        'build-timeout',
        `the build took longer than ${Math.round(limits.timeoutMs / 1000)} s: raise the limit`,
      )
    }
    if (result.startError !== undefined) {
      throw new BuildError(
        'builder-failed',
        `${engine} did not start: ${result.startError.message}`,
      )
    }
    if (result.signal !== undefined) {
      throw new BuildError('builder-killed', `${engine} was killed by ${result.signal}`)
    }
  }
}
