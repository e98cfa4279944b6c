/**
 * One control group around a whole build: memory, processes, CPU.
 *
 * Isolation by chroot ignores the builder's own limits, so they are set from outside, in a group
 * below our own (cgroup v1, alone or in the hybrid layout) or below the nearest ancestor that
 * hands its controllers down (v2). Afterwards the group says whether a limit was hit: a RUN step
 * can swallow an OOM kill and the build still exits 0.
 */
import { randomUUID } from 'node:crypto'
import { mkdir, readdir, readFile, rmdir, writeFile, access } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

export interface CgroupLimits {
  readonly memoryBytes: number
  readonly processes: number
  /** CPUs' worth of time; 0 for no limit. */
  readonly cpus: number
}

/** A limit that a group can hold, in the order in which they are shown. */
export type CgroupLimit = 'memory' | 'processes' | 'cpus'

export interface CgroupEvents {
  readonly oomKills: number
  /** How often a process could not be made. */
  readonly forksRefused: number
}

/** Where the kernel shows its groups; another place in tests. */
export interface CgroupPaths {
  readonly mount: string
  readonly own: string
}

const SYSTEM_PATHS: CgroupPaths = { mount: '/sys/fs/cgroup', own: '/proc/self/cgroup' }
const PREFIX = 'rebuildnet-'
const CPU_PERIOD_US = 100_000
const REMOVE_ATTEMPTS = 40
const REMOVE_INTERVAL_MS = 25

/** The name of the group of a build whose work folder lies in `folder`: by it, it is found again. */
export function groupName(folder: string): string {
  return `${buildsIn(folder)}${randomUUID()}`
}

function buildsIn(folder: string): string {
  return `${basename(folder)}-`
}

/** A directory of one hierarchy, and the limits that are set in it. */
interface Branch {
  readonly directory: string
  readonly version: 1 | 2
  readonly limits: readonly CgroupLimit[]
}

export class Cgroup {
  readonly #branches: readonly Branch[]
  /** False: somebody else's, who takes it away. */
  readonly #isOwn: boolean

  private constructor(branches: readonly Branch[], isOwn = true) {
    this.#branches = branches
    this.#isOwn = isOwn
  }

  /**
   * Sets limits on the groups that a process, and what it starts, is in already: never on those of
   * this process itself, or on the root.
   */
  static async adopt(
    pid: number,
    limits: CgroupLimits,
    paths: CgroupPaths = { ...SYSTEM_PATHS, own: `/proc/${pid}/cgroup` },
  ): Promise<Cgroup | undefined> {
    const ours = (await readText(SYSTEM_PATHS.own)).split('\n')
    const theirs = (await readText(paths.own)).split('\n').filter((line) => !ours.includes(line))
    const all = CONTROLLERS.map(([, limit]) => limit)
    const groups = theirs.flatMap((line): Branch[] => {
      const [, names = '', path = ''] = line.split(':')
      if (path === '/' || path === '') return []
      return names === ''
        ? [{ directory: join(paths.mount, path), version: 2, limits: all }]
        : [{ directory: join(paths.mount, names, path), version: 1, limits: limitsOf(names) }]
    })
    const taken = new Set<CgroupLimit>()
    const branches: Branch[] = []
    // Those of v2 have the controllers that no hierarchy of v1 has.
    for (const { directory, version, limits: possible } of groups) {
      const held: CgroupLimit[] = []
      for (const limit of possible.filter((each) => !taken.has(each))) {
        if (await setLimit(directory, version, limit, limits)) held.push(limit)
      }
      for (const limit of held) taken.add(limit)
      if (held.length > 0) branches.push({ directory, version, limits: held })
    }
    return branches.length === 0 ? undefined : new Cgroup(branches, false)
  }

  /** Those of builds in this work folder, which a process that died has left. */
  static async left(folder: string, paths: CgroupPaths = SYSTEM_PATHS): Promise<Cgroup> {
    const own = await readText(paths.own)
    const parents = [...(await findV1(own, paths.mount)), ...(await findV2(own, paths.mount))]
    const branches: Branch[] = []
    for (const { directory, version } of parents) {
      for (const name of await readdir(directory).catch((): string[] => [])) {
        if (!name.startsWith(`${PREFIX}${buildsIn(folder)}`)) continue
        branches.push({ directory: join(directory, name), version, limits: [] })
      }
    }
    return new Cgroup(branches)
  }

  /** Makes the group `name`, or returns undefined where this machine or user cannot. */
  static async create(
    name: string,
    limits: CgroupLimits,
    paths: CgroupPaths = SYSTEM_PATHS,
  ): Promise<Cgroup | undefined> {
    const own = await readText(paths.own)
    const parents = [...(await findV1(own, paths.mount)), ...(await findV2(own, paths.mount))]
    const taken = new Set<CgroupLimit>()
    const branches: Branch[] = []
    for (const parent of parents) {
      const wanted = parent.limits.filter((limit) => !taken.has(limit))
      if (wanted.length === 0) continue
      const directory = join(parent.directory, `${PREFIX}${name}`)
      try {
        await mkdir(directory)
      } catch {
        continue
      }
      const held: CgroupLimit[] = []
      for (const limit of wanted) {
        if (await setLimit(directory, parent.version, limit, limits)) held.push(limit)
      }
      for (const limit of held) taken.add(limit)
      branches.push({ directory, version: parent.version, limits: held })
    }
    return branches.length === 0 ? undefined : new Cgroup(branches)
  }

  /** The limits that this group enforces. */
  get enforced(): readonly CgroupLimit[] {
    return this.#branches.flatMap((branch) => branch.limits)
  }

  /** Files to which a process writes `0` to enter the group. */
  get entrances(): readonly string[] {
    return this.#branches.map((branch) => join(branch.directory, 'cgroup.procs'))
  }

  async events(): Promise<CgroupEvents> {
    let oomKills = 0
    let forksRefused = 0
    for (const { directory, version } of this.#branches) {
      const memory = version === 1 ? 'memory.oom_control' : 'memory.events'
      oomKills += readCounter(await readText(join(directory, memory)), 'oom_kill')
      forksRefused += readCounter(await readText(join(directory, 'pids.events')), 'max')
    }
    return { oomKills, forksRefused }
  }

  /** Kills whatever is in the group. */
  async kill(): Promise<void> {
    for (const { directory } of this.#branches) {
      for (const line of (await readText(join(directory, 'cgroup.procs'))).split('\n')) {
        const pid = Number(line)
        if (Number.isInteger(pid) && pid > 1) tryKill(pid)
      }
    }
  }

  /** Kills whatever is in the group and removes it. */
  async remove(): Promise<void> {
    if (!this.#isOwn) return
    for (const { directory } of this.#branches) {
      for (let attempt = 0; attempt < REMOVE_ATTEMPTS; attempt++) {
        await this.kill()
        try {
          await rmdir(directory)
          break
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code === 'ENOENT') break
          // Busy until the kernel has reaped the last process.
          await delay(REMOVE_INTERVAL_MS)
        }
      }
    }
  }
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended by itself.
  }
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function readCounter(text: string, key: string): number {
  return Number(new RegExp(`^${key} ([0-9]+)$`, 'm').exec(text)?.[1] ?? 0)
}

const CONTROLLERS: readonly (readonly [string, CgroupLimit])[] = [
  ['memory', 'memory'],
  ['pids', 'processes'],
  ['cpu', 'cpus'],
]

function limitsOf(names: string): readonly CgroupLimit[] {
  return CONTROLLERS.filter(([name]) => names.split(',').includes(name)).map(([, limit]) => limit)
}

/** Our own group in each v1 hierarchy that can hold a limit. */
async function findV1(own: string, mount: string): Promise<Branch[]> {
  const branches: Branch[] = []
  for (const [controller, limit] of CONTROLLERS) {
    const line = own.split('\n').find((row) => row.split(':')[1]?.split(',').includes(controller))
    const [, names, path] = line?.split(':') ?? []
    if (names === undefined || path === undefined) continue
    // In a container the path is the host's, and the mount begins at our own group.
    for (const directory of [
      join(mount, names, path),
      join(mount, controller, path),
      join(mount, controller),
    ]) {
      if (await exists(join(directory, 'cgroup.procs'))) {
        branches.push({ directory, version: 1, limits: [limit] })
        break
      }
    }
  }
  return branches
}

/** The nearest group at or above our own that hands controllers down to its children. */
async function findV2(own: string, mount: string): Promise<Branch[]> {
  const path = /^0::(.*)$/m.exec(own)?.[1]
  if (path === undefined) return []
  for (let at = path; ; at = dirname(at)) {
    const directory = join(mount, at)
    const handed = (await readText(join(directory, 'cgroup.subtree_control'))).trim().split(/\s+/)
    const limits = CONTROLLERS.filter(([name]) => handed.includes(name)).map(([, limit]) => limit)
    if (limits.length > 0) return [{ directory, version: 2, limits }]
    if (at === '/' || at === '.') return []
  }
}

async function setLimit(
  directory: string,
  version: 1 | 2,
  limit: CgroupLimit,
  limits: CgroupLimits,
): Promise<boolean> {
  const set = async (file: string, value: number | string) =>
    writeFile(join(directory, file), String(value), { flag: 'r+' }).then(
      () => true,
      () => false,
    )
  switch (limit) {
    case 'memory': {
      if (version === 2) {
        await set('memory.swap.max', 0)
        return set('memory.max', limits.memoryBytes)
      }
      const held = await set('memory.limit_in_bytes', limits.memoryBytes)
      // Memory and swap together, where the kernel counts swap.
      await set('memory.memsw.limit_in_bytes', limits.memoryBytes)
      return held
    }
    case 'processes':
      return set('pids.max', limits.processes)
    case 'cpus': {
      if (limits.cpus === 0) return true
      const quota = Math.max(1000, Math.round(limits.cpus * CPU_PERIOD_US))
      if (version === 2) return set('cpu.max', `${quota} ${CPU_PERIOD_US}`)
      return (await set('cpu.cfs_period_us', CPU_PERIOD_US)) && set('cpu.cfs_quota_us', quota)
    }
  }
}
