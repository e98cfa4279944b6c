import { spawnSync } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import {
  ensureTools,
  findTool,
  installCommand,
  missingTools,
  MissingToolsError,
  requiredTools,
  type Purpose,
} from '../../../../node/system/packages.ts'

const folder = mkdtempSync(join(tmpdir(), 'rebuildnet-tools-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
afterEach(() => vi.unstubAllEnvs())

const tool = { name: 'rebuildnet-no-such-tool', package: 'no-such', needed: 'nothing' }

function place(name: string, content: Buffer | string): void {
  writeFileSync(join(folder, name), content)
  chmodSync(join(folder, name), 0o755)
}

describe('the system packages', () => {
  it('finds a program on PATH and in the folders of root, and no other file', () => {
    place('found', '')
    writeFileSync(join(folder, 'not-executable'), '', { mode: 0o644 })
    vi.stubEnv('PATH', folder)
    expect(findTool('found')).toBe(join(folder, 'found'))
    expect(findTool('not-executable')).toBeUndefined()
    expect(findTool(tool.name)).toBeUndefined()
    expect(findTool('sh')).toMatch(/bin\/sh$/)
    expect(findTool('/etc/passwd')).toBe('/etc/passwd')
  })

  it('takes no busybox that needs the host’s libraries', () => {
    place('busybox', Buffer.from('\u007fELF.../lib64/ld-linux-x86-64.so.2\0'))
    vi.stubEnv('PATH', folder)
    expect(findTool('busybox')).not.toBe(join(folder, 'busybox'))
    place('busybox', Buffer.from('\u007fELF...static'))
    expect(findTool('busybox')).toBe(join(folder, 'busybox'))
  })

  it('lists for the tests all that the demo needs, and for the demo all that a node needs', () => {
    const names = (purpose: Purpose) => requiredTools(purpose).map(({ name }) => name)
    expect(names('demo')).toEqual(expect.arrayContaining(names('node')))
    expect(names('test')).toEqual(expect.arrayContaining(names('demo')))
    expect(names('test')).toEqual(
      expect.arrayContaining(['git', 'ip', 'iptables', 'buildah', 'docker-registry']),
    )
  })

  it('gives one command for all that is missing, each package once', () => {
    const command = installCommand([tool, { ...tool, name: 'other' }, { ...tool, package: 'a' }])
    expect(command).toMatch(/\ba no-such\b/)
    expect(command.split('\n')).toHaveLength(1)
  })

  const script = (args: readonly string[], env: Record<string, string> = {}, before = '') =>
    spawnSync(
      before === '' ? process.execPath : 'unshare',
      before === ''
        ? ['cli/system-packages.ts', ...args]
        : [
            '--mount',
            'sh',
            '-c',
            `${before}; exec "$@"`,
            'sh',
            process.execPath,
            'cli/system-packages.ts',
            ...args,
          ],
      { encoding: 'utf8', env: { PATH: process.env.PATH ?? '', ...env } },
    )

  it('says how it is used', () => {
    for (const args of [[], ['nonsense'], ['test', '--wrong']]) {
      const { status, stdout, stderr } = script(args)
      expect([status, stdout]).toEqual([2, ''])
      expect(stderr).toContain('usage')
    }
  })

  // Hiding a program from one process needs root.
  describe.runIf(process.getuid?.() === 0)('without git', () => {
    const git = findTool('git') ?? '/usr/bin/git'
    const hide = `mount --bind /dev/null ${git}`

    it.each([
      [['node', '--no-install'], {}],
      [['node'], { REBUILDNET_NO_INSTALL: '1' }],
    ])(
      'install nothing where the user has refused (%j %j), and name what is skipped',
      (args, env) => {
        const { status, stderr } = script(args, env, hide)
        expect(status).toBe(0)
        expect(stderr).not.toContain('installing')
        expect(stderr).toMatch(/missing: .*git.*apt-get install .*\bgit\b/)
        expect(stderr).toContain('without git, skipped: fetching sources')
      },
    )

    it('fail in CI, where nothing may be skipped', () => {
      const { status, stderr } = script(['node', '--no-install'], { CI: 'true' }, hide)
      expect(status).toBe(2)
      expect(stderr).toContain('in CI nothing may be skipped')
    })

    it('say what they install, and why it did not work', () => {
      const apt = findTool('apt-get') ?? '/usr/bin/apt-get'
      const broken = `printf '#!/bin/sh\\necho "E: no archive" >&2; exit 100' > ${folder}/apt; chmod 755 ${folder}/apt; mount --bind ${folder}/apt ${apt}`
      const { status, stderr } = script(['node'], {}, `${hide}; ${broken}`)
      expect(status).toBe(0)
      expect(stderr).toMatch(/installing system packages: .*\bgit\b/)
      expect(stderr).toContain('installing failed: E: no archive')
    })
  })

  it('are seen to in silence where all are there', async () => {
    vi.stubEnv('CI', '')
    const missing = missingTools('test')
    const lines: string[] = []
    const say = (line: string) => void lines.push(line)
    expect(await ensureTools('test', { install: false, say })).toEqual(missing)
    expect(lines.length === 0).toBe(missing.length === 0)
  })

  it('raises an error that carries the tools', () => {
    expect(new MissingToolsError([tool], 'text').tools).toEqual([tool])
  })
})
