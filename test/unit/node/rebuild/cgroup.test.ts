import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Cgroup, groupName } from '../../../../node/rebuild/cgroup.ts'

const folder = mkdtempSync(join(tmpdir(), 'rebuildnet-cgroup-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const limits = { memoryBytes: 1024 ** 3, processes: 50, cpus: 1.5 }

let count = 0
/** A tree of files that looks like the kernel's, for the layouts that this machine has not. */
function makeTree(own: string, files: Readonly<Record<string, string>>) {
  const mount = join(folder, String(count++))
  for (const [path, text] of Object.entries({ ...files, own })) {
    mkdirSync(dirname(join(mount, path)), { recursive: true })
    writeFileSync(join(mount, path), text)
  }
  return { mount, own: join(mount, 'own') }
}

describe('the control group of a build', () => {
  it('is not made where no ancestor hands a controller down', async () => {
    const tree = makeTree('0::/a/b\n', { 'a/b/cgroup.subtree_control': '\n' })
    expect(await Cgroup.create('x', limits, tree)).toBeUndefined()
  })

  it('is made under the nearest ancestor that hands controllers down (v2)', async () => {
    const tree = makeTree('0::/a/b\n', {
      'a/b/cgroup.subtree_control': '',
      'a/cgroup.subtree_control': 'memory pids\n',
      'cgroup.subtree_control': 'cpu memory pids\n',
    })
    const cgroup = await Cgroup.create('x', limits, tree)
    expect(cgroup?.entrances).toEqual([join(tree.mount, 'a/rebuildnet-x/cgroup.procs')])
  })

  it('claims no limit whose file the kernel does not show', async () => {
    const tree = makeTree('0::/\n', { 'cgroup.subtree_control': 'cpu memory pids\n' })
    const cgroup = await Cgroup.create('x', limits, tree)
    expect(cgroup?.enforced).toEqual([])
  })

  it('counts OOM kills and refused forks (v2)', async () => {
    const tree = makeTree('0::/\n', { 'cgroup.subtree_control': 'memory pids\n' })
    const cgroup = await Cgroup.create('x', limits, tree)
    const put = (name: string, text: string) =>
      writeFileSync(join(tree.mount, 'rebuildnet-x', name), text)
    expect(await cgroup?.events()).toEqual({ oomKills: 0, forksRefused: 0 })
    put('memory.events', 'low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n')
    put('pids.events', 'max 4\n')
    expect(await cgroup?.events()).toEqual({ oomKills: 2, forksRefused: 4 })
  })

  it('finds each v1 hierarchy, also where controllers share one or the path is the host’s', async () => {
    const own = '7:cpu,cpuacct:/docker/1\n5:pids:/docker/1\n4:memory:/docker/1\n0::/docker/1\n'
    const tree = makeTree(own, {
      'memory/docker/1/cgroup.procs': '',
      'pids/cgroup.procs': '',
      'cpu,cpuacct/docker/1/cgroup.procs': '',
    })
    const cgroup = await Cgroup.create('x', limits, tree)
    expect(cgroup?.entrances.map((path) => path.slice(tree.mount.length))).toEqual([
      '/memory/docker/1/rebuildnet-x/cgroup.procs',
      '/pids/rebuildnet-x/cgroup.procs',
      '/cpu,cpuacct/docker/1/rebuildnet-x/cgroup.procs',
    ])
  })

  it('that a process left is found by the folder of its builds, and no other is', async () => {
    const tree = makeTree('0::/\n', { 'cgroup.subtree_control': 'memory pids\n' })
    const name = groupName('1-a')
    await Cgroup.create(name, limits, tree)
    await Cgroup.create(groupName('1-ab'), limits, tree)
    const left = await Cgroup.left('1-a', tree)
    expect(left.entrances).toEqual([join(tree.mount, `rebuildnet-${name}`, 'cgroup.procs')])
    await left.remove()
    expect((await Cgroup.left('1-a', tree)).entrances).toEqual([])
    expect((await Cgroup.left('1-ab', tree)).entrances).toHaveLength(1)
  })

  it.runIf(process.getuid?.() === 0 && existsSync('/sys/fs/cgroup'))(
    'sets what it claims on this machine, and is gone afterwards',
    async () => {
      const name = `test-${process.pid}`
      const cgroup = await Cgroup.create(name, limits)
      // A machine may have no writable control groups at all; then nothing may be claimed.
      const entrances = cgroup?.entrances ?? []
      const files = {
        memory: ['memory.max', 'memory.limit_in_bytes'],
        processes: ['pids.max'],
        cpus: ['cpu.max', 'cpu.cfs_quota_us'],
      }
      const values = { memory: '1073741824', processes: '50', cpus: '150000' }
      for (const limit of cgroup?.enforced ?? []) {
        const found = entrances.flatMap((path) =>
          files[limit].map((file) => join(dirname(path), file)).filter((file) => existsSync(file)),
        )
        expect(found.map((file) => readFileSync(file, 'utf8').trim().split(' ')[0])).toEqual([
          values[limit],
        ])
      }
      await cgroup?.remove()
      expect(entrances.filter((path) => existsSync(dirname(path)))).toEqual([])
    },
  )
})
