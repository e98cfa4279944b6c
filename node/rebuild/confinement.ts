/**
 * What stands around every command of one build: the sandbox, its users and its network, the
 * control group, the watch on the disk, one deadline.
 *
 * After every command, even one that exits 0, they are asked whether anything was cut short, since
 * a build that ran into a limit says nothing about its recipe.
 */
import { writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { BuildError } from './build-error.ts'
import type { BuildLog } from './build-log.ts'
import type { BuildJob } from './builder.ts'
import { Cgroup, groupName } from './cgroup.ts'
import { runCommand, type CommandOptions, type CommandResult } from './command.ts'
import { DiskWatch } from './disk-watch.ts'
import { Egress, type EgressOptions } from './egress/egress.ts'
import type { FetchedFile } from './egress/http-relay.ts'
import type { EgressPolicy } from './egress/policy.ts'
import { isSystemProgram, type Sandbox } from './sandbox.ts'
import type { SandboxFeature } from './sandbox-probe.ts'
import { giveTree } from './source-tree.ts'
import { chooseUserRange } from './user-range.ts'
import { resolveHost } from '../system/public-address.ts'

export interface ConfinementComponents {
  readonly features: ReadonlySet<SandboxFeature>
  readonly log: BuildLog
  /** Name of the builder, for messages. */
  readonly engine: string
  /** Empty folder on which the sandbox's root is assembled. */
  readonly root: string
  /** True where the builder gives the same bits as root of a user namespace as it does as root. */
  readonly separateUsers?: boolean
  /** How names of a step's are looked up; the system's resolver where absent. */
  readonly resolve?: (host: string) => Promise<readonly string[]>
}

export interface ConfinedOptions {
  readonly env: Readonly<Record<string, string>>
  /**
   * False: no network but loopback. True: what the builder itself fetches, from registries of the
   * recipe's too. `steps`: no more than the recipe lets its steps reach.
   */
  readonly network: boolean | 'steps'
  /** Whether it makes networks of its own for the steps, as a daemon does whose steps have none. */
  readonly makesNetworks?: boolean
  /** Whether it runs steps in a network apart from its own, where there is one (`start`). */
  readonly runsSteps?: boolean
  /** What it may read beside the system's programs. */
  readonly readable: readonly string[]
  /** Keep standard output in place of logging it. */
  readonly keepOutput?: boolean
  /** False for a client whose end must not end what else is in the control group. */
  readonly limited?: boolean
  /** Ends this command alone, at once. */
  readonly signal?: AbortSignal
}

/**
 * How long a program in Go goes by the name servers that it has read, as BuildKit has by the time at
 * which its container is confined: net/dnsclient_unix.go.
 */
const RESOLVER_MS = 5_000

/** The part of a job that this is about. */
export type ConfinedJob = Pick<BuildJob, 'workDirectory' | 'limits'> &
  Partial<Pick<BuildJob, 'recipe' | 'insecureRegistries' | 'routes'>>

export class Confinement {
  readonly #job: ConfinedJob
  readonly #components: ConfinementComponents
  readonly #watch: DiskWatch
  readonly #signal: AbortSignal
  readonly #deadline: number
  #cgroup: Cgroup | undefined
  #egress: Egress | undefined
  #steps: Egress | undefined
  #ids: number | undefined
  #registries: readonly string[] = []

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

  /**
   * `registries`: those that speak plain http, of this machine too, and that the builder may ask;
   * absent: it uses the machine's network. `apart`: it fetches and runs steps at the same time, so
   * that each of the two has a network of its own; `contained`: in a container that others start,
   * which `adopt` confines once it is there. Throws BuildError.
   */
  async start(
    registries?: readonly string[],
    { apart }: { readonly apart?: 'own' | 'contained' } = {},
  ): Promise<void> {
    const { recipe } = this.#job
    const { features, separateUsers } = this.#components
    if (recipe?.egress !== undefined && (registries === undefined || !features.has('egress'))) {
      throw new BuildError(
        'recipe-not-supported',
        'the recipe declares which hosts it reaches, and to hold it to them needs root, network namespaces, and a builder that runs on this machine',
      )
    }
    await this.#watch.start()
    if (apart !== 'contained') {
      const { limits, workDirectory } = this.#job
      this.#cgroup = await Cgroup.create(groupName(dirname(workDirectory)), limits)
    }
    if (features.has('users') && separateUsers === true) this.#ids = await chooseUserRange()
    if (features.has('egress') && registries !== undefined) {
      await this.#openEgress(registries, apart)
    }
  }

  /**
   * Confines a container that has no network: its limits are the build's, and it fetches as the
   * builder does. `pid` is its first process, as this machine counts.
   */
  async adopt(pid: number): Promise<void> {
    const { log, resolve = resolveHost } = this.#components
    this.#cgroup = await Cgroup.adopt(pid, this.#job.limits)
    if (this.#steps === undefined) return
    this.#egress = await Egress.open(
      { log, resolve },
      { policies: [this.#policyOf(true)], ...this.#egressOptions(), inside: pid },
    )
    for (const [path, text] of Object.entries(this.#egress.network.files)) {
      // What Docker mounts there is a file of its own for this container.
      await writeFile(`/proc/${pid}/root${path}`, text)
    }
    // Whoever has stopped the build hears of it from the next command.
    await setTimeout(RESOLVER_MS, undefined, { signal: this.#signal }).catch(() => undefined)
  }

  /** Gives what the commands are to read and write to their user, where they have one. */
  async give(...directories: readonly string[]): Promise<void> {
    if (this.#ids === undefined) return
    for (const directory of directories) await giveTree(directory, this.#ids)
  }

  /** What came whole by plain HTTP in the course of the build. */
  get fetched(): readonly FetchedFile[] {
    return [...(this.#egress?.fetched ?? []), ...(this.#steps?.fetched ?? [])]
  }

  /** What `nsenter --net` takes of the network of steps, where it is apart from the builder's. */
  get stepsNetwork(): string | undefined {
    return this.#steps?.network.path
  }

  /** Ends whatever is left of the build. */
  async stop(): Promise<void> {
    this.#watch.stop()
    await this.#cgroup?.remove()
    await this.#egress?.close()
    await this.#steps?.close()
  }

  /** Runs `command` in the work folder. Throws BuildError where something bent it from outside. */
  async run(command: readonly string[], options: ConfinedOptions): Promise<CommandResult> {
    if (this.#steps === undefined) this.#egress?.setPolicy(this.#policyOf(options.network))
    const result = await runCommand(command, this.#optionsOf(options))
    await this.#checkLimits(result)
    if (options.network === 'steps') this.#checkEgress(result)
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

  #confine({ network, readable, makesNetworks, runsSteps }: ConfinedOptions): {
    sandbox?: Sandbox
  } {
    const { features, root } = this.#components
    if (!features.has('processes')) return {}
    return {
      sandbox: {
        ...(features.has('view') ? { root } : {}),
        writable: [this.#job.workDirectory],
        readable: readable.filter((path) => !isSystemProgram(path)),
        network: network === false ? false : (this.#egress?.network ?? true),
        ...(makesNetworks === undefined ? {} : { makesNetworks }),
        ...(runsSteps === true && this.#steps !== undefined
          ? { stepsNetwork: this.#steps.network.path }
          : {}),
        ...(this.#ids === undefined ? {} : { ids: this.#ids }),
      },
    }
  }

  async #openEgress(
    registries: readonly string[],
    apart: 'own' | 'contained' | undefined,
  ): Promise<void> {
    const { log, resolve = resolveHost } = this.#components
    const options = this.#egressOptions()
    this.#registries = registries
    const steps = this.#policyOf('steps')
    const fetching = this.#policyOf(true)
    if (apart !== undefined) {
      this.#steps = await Egress.open({ log, resolve }, { policies: [steps], ...options })
    }
    if (apart === 'contained') return
    const policies = apart === 'own' ? ([fetching] as const) : ([steps, fetching] as const)
    this.#egress = await Egress.open({ log, resolve }, { policies, ...options })
  }

  #egressOptions(): Pick<EgressOptions, 'maxBytes' | 'routes'> {
    const { limits, routes } = this.#job
    return { maxBytes: limits.networkBytes, ...(routes === undefined ? {} : { routes }) }
  }

  #policyOf(network: ConfinedOptions['network']): EgressPolicy {
    const { recipe, insecureRegistries = [] } = this.#job
    return network === true
      ? { hosts: undefined, insecure: [...insecureRegistries, ...this.#registries] }
      : { hosts: recipe?.egress, insecure: insecureRegistries }
  }

  /** A step that fails after it was refused something, or could not have it, says nothing about its recipe. */
  #checkEgress({ exitCode }: CommandResult): void {
    if (exitCode === 0) return
    const { refusals = [], troubles = [] } = this.#steps ?? this.#egress ?? {}
    if (refusals.length > 0) {
      throw new BuildError(
        'egress-refused',
        `a step failed that was refused the network: ${refusals.slice(0, 5).join(', ')}`,
      )
    }
    const [trouble] = troubles
    if (trouble === undefined) return
    throw new BuildError('step-fetch-failed', `a step failed for whom the network did: ${trouble}`)
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
    if (this.#egress?.isOverLimit === true || this.#steps?.isOverLimit === true) {
      throw new BuildError(
        'network-limit',
        `the build fetches more than its limit of ${limits.networkBytes} bytes: raise the limit`,
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
