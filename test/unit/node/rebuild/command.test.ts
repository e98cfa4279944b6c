import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, describe, expect, it } from 'vitest'
import { BuildLog } from '../../../../node/rebuild/build-log.ts'
import { Cgroup } from '../../../../node/rebuild/cgroup.ts'
import { runCommand, succeeded, type CommandOptions } from '../../../../node/rebuild/command.ts'
import { probeSandbox } from '../../../../node/rebuild/sandbox-probe.ts'

const folder = mkdtempSync(join(tmpdir(), 'rebuildnet-command-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const features = await probeSandbox()
const PATH = '/usr/sbin:/usr/bin:/sbin:/bin'
let count = 0

async function run(command: readonly string[], options: Partial<CommandOptions> = {}) {
  const path = join(folder, `${count++}.log`)
  const log = new BuildLog(path, 1024 * 1024)
  const result = await runCommand(command, {
    cwd: folder,
    env: { PATH },
    timeoutMs: 60_000,
    signal: new AbortController().signal,
    log,
    ...options,
  })
  log.close()
  return { ...result, log: readFileSync(path, 'utf8') }
}

function running(marker: string): boolean {
  return readdirSync('/proc').some((pid) => {
    if (!/^\d+$/.test(pid)) return false
    try {
      const [name, ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
      return name === 'sleep' && args[0] === marker
    } catch {
      return false
    }
  })
}

const marker = (): string => String(Math.random()).slice(2, 11).replace(/^0/, '1')

describe('a command', () => {
  it('takes its words as they are, and no shell reads them', async () => {
    const words = ['$HOME', '`id`', 'a b', '"', "'", ';exit 9', '--', '']
    const result = await run(['printf', '[%s]', ...words])
    expect(result.log).toBe(words.map((word) => `[${word}]`).join(''))
    expect(succeeded(result)).toBe(true)
  })

  it('has the environment that it is given and nothing of ours', async () => {
    process.env.REBUILDNET_SECRET = 'secret'
    const { log } = await run(['env'], { env: { PATH, GIVEN: 'yes' } })
    delete process.env.REBUILDNET_SECRET
    expect(log).toContain('GIVEN=yes')
    expect(log).not.toContain('secret')
    expect(log).not.toContain('HOME')
  })

  it('tells its exit code, and logs both streams', async () => {
    const result = await run(['sh', '-c', 'echo out; echo err >&2; exit 7'])
    expect([result.exitCode, succeeded(result)]).toEqual([7, false])
    expect(result.log.split('\n').sort()).toEqual(['', 'err', 'out'])
    expect(result.tail).toContain('err')
  })

  it('keeps its output out of the log where it is asked for', async () => {
    const result = await run(['sh', '-c', 'echo out; echo err >&2'], { keepOutput: true })
    expect([result.output, result.log]).toEqual(['out\n', 'err\n'])
  })

  it('makes files that only their owner may write', async () => {
    await run(['touch', 'made'])
    expect(spawnSync('stat', ['-c', '%a', join(folder, 'made')], { encoding: 'utf8' }).stdout).toBe(
      '644\n',
    )
  })

  it('is told apart by what ended it', async () => {
    expect((await run(['sh', '-c', 'kill -9 $$'])).signal).toBe('SIGKILL')
    expect((await run(['/nowhere/program'])).exitCode).toBe(127)
    expect((await run(['true'], { cwd: '/nowhere' })).startError).toBeDefined()
    expect((await run(['printf', 'a\0b'])).startError).toBeDefined()
  })

  it('ends at its time-out although it ignores SIGTERM', async () => {
    const id = marker()
    const script = `trap '' TERM; sleep ${id} & sleep ${id}; sleep ${id}`
    const result = await run(['sh', '-c', script], { timeoutMs: 300, killGraceMs: 100 })
    expect([result.timedOut, result.cancelled, succeeded(result)]).toEqual([true, false, false])
    expect(running(id)).toBe(false)
  })

  it('ends when it is cancelled, and does not start when it was before', async () => {
    const stop = new AbortController()
    const id = marker()
    const ending = run(['sleep', id], { signal: stop.signal })
    while (!running(id)) await delay(10)
    stop.abort()
    expect((await ending).cancelled).toBe(true)
    expect(running(id)).toBe(false)
    const result = await run(['touch', 'never'], { signal: stop.signal })
    expect(result.cancelled).toBe(true)
    expect(readdirSync(folder)).not.toContain('never')
  })

  it('leaves nothing in the background when it ends by itself', async () => {
    const id = marker()
    await run(['sh', '-c', `sleep ${id} & echo done`])
    expect(running(id)).toBe(false)
  })

  it.runIf(process.getuid?.() === 0)('leaves no daemon that has left its group', async () => {
    const cgroup = await Cgroup.create(`command-${process.pid}`, {
      memoryBytes: 1e9,
      processes: 100,
      cpus: 0,
    })
    const id = marker()
    // Without a control group only a process namespace could find it.
    const confined =
      cgroup === undefined ? { sandbox: { writable: [], readable: [], network: true } } : { cgroup }
    await run(['sh', '-c', `setsid sleep ${id} > /dev/null 2>&1 & echo done`], confined)
    await cgroup?.remove()
    expect(running(id)).toBe(false)
  })
})

// Needs root; the compliance suite of the builders says so where it is missing.
describe.runIf(features.has('view'))('a command in a sandbox', () => {
  const sandbox = (name: string) => {
    const work = join(folder, name)
    mkdirSync(join(work, 'root'), { recursive: true })
    writeFileSync(join(folder, 'canary'), 'canary')
    return {
      cwd: work,
      sandbox: { root: join(work, 'root'), writable: [work], readable: [], network: true },
    }
  }

  it('sees its work folder and not what is beside it', async () => {
    const result = await run(['sh', '-c', 'echo x > here; ls ..; cat ../canary'], sandbox('beside'))
    expect(result.log).toContain('beside')
    expect(result.log).not.toContain('canary\n')
    expect(result.exitCode).toBe(1)
    expect(readFileSync(join(folder, 'beside/here'), 'utf8')).toBe('x\n')
  })

  it('has a root with nothing of the host’s in it but programs', async () => {
    const { log } = await run(['ls', '-A', '/'], sandbox('top'))
    const expected = /^(?:bin|dev|etc|gnu|lib\w*|nix|proc|root|run|sbin|sys|tmp|usr|var)$/
    expect(
      log
        .trim()
        .split('\n')
        .filter((name) => !expected.test(name)),
    ).toEqual([])
    const inside = await run(['ls', '-A', '/root', '/run', '/var', '/etc/ssl'], sandbox('inside'))
    expect(inside.log).not.toMatch(/ssh|private|lib$|docker/m)
  })

  it('cannot get out by the way that chroot leaves open', async () => {
    // A process may leave a chroot that it is the root of when it holds a directory outside of it.
    const escape = `import os
os.mkdir('jail'); out = os.open('/', os.O_RDONLY); os.chroot('jail'); os.fchdir(out)
for _ in range(20): os.chdir('..')
os.chroot('.'); print(open(${JSON.stringify(join(folder, 'canary'))}).read())`
    const options = sandbox('escape')
    const perl = `mkdir 'jail'; opendir(my $out, '/'); chroot('jail'); chdir($out); chdir('..') for 1..20; chroot('.'); open(my $f, '<', '${join(folder, 'canary')}') or die "gone"; print <$f>`
    const byPython = await run(['python3', '-c', escape], options)
    const byPerl = await run(['perl', '-e', perl], options)
    for (const { log, exitCode } of [byPython, byPerl]) {
      expect(log).not.toMatch(/^canary/)
      expect(exitCode).not.toBe(0)
    }
    expect(byPerl.log).toMatch(/gone|not found/)
  })

  it('cannot write to programs, settings or the kernel', async () => {
    const script =
      'for f in /usr/x /etc/x /sys/x /proc/sys/kernel/core_pattern; do echo x > $f && echo wrote $f; done'
    const { log } = await run(['sh', '-c', script], sandbox('readonly'))
    expect(log).not.toMatch(/^wrote \/(?:usr|sys|proc)/m)
  })

  it('has no disk among its devices', async () => {
    const { log } = await run(['ls', '/dev'], sandbox('devices'))
    expect(log.trim().split('\n')).toEqual([
      'fd',
      'full',
      'null',
      'ptmx',
      'pts',
      'random',
      'shm',
      'stderr',
      'stdin',
      'stdout',
      'tty',
      'urandom',
      'zero',
    ])
  })

  it('tells its exit code through all of it', async () => {
    expect((await run(['sh', '-c', 'exit 7'], sandbox('exit'))).exitCode).toBe(7)
  })

  it('leaves no mount behind', async () => {
    await run(['true'], sandbox('mounts'))
    expect(readFileSync('/proc/self/mountinfo', 'utf8')).not.toContain(folder)
  })

  it('takes everything with it when the one who started it is killed', async () => {
    const id = marker()
    const script = `
      const { enterSandbox } = await import(${JSON.stringify(join(process.cwd(), 'node/rebuild/sandbox.ts'))})
      const { spawn } = await import('node:child_process')
      const [file, ...args] = await enterSandbox({ writable: [], readable: [], network: true }, ['sleep', '${id}'], '/')
      spawn(file, args, { detached: true, stdio: 'ignore' })`
    const { spawn } = await import('node:child_process')
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: 'ignore',
    })
    while (!running(id)) await delay(10)
    child.kill('SIGKILL')
    while (running(id)) await delay(10)
    expect(running(id)).toBe(false)
  })
})
