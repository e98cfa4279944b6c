/** The program as it is installed: real processes, real data folders, a real node. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { MAIN, runProgramFile, type Ran } from '../support/command-line.ts'

let root: string
const started: ChildProcess[] = []

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'rn-'))
})
afterEach(async () => {
  for (const child of started.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    child.kill('SIGKILL')
    await once(child, 'close')
  }
  await rm(root, { recursive: true, force: true })
})

const folder = (name = 'node'): string => join(root, name)
const run = (...argv: string[]): Promise<Ran> => runProgramFile([...argv, '--data', folder()])

async function init(): Promise<{ operator: string }> {
  const ran = await run('init', '--name', 'Ada', '--claim', 'country=DE', '--json')
  expect(ran.exitCode, ran.stderr).toBe(0)
  return ran.json as { operator: string }
}

interface Started {
  readonly child: ChildProcess
  readonly first: { type: string; data: { socket: string; peerId: string; listen: string[] } }
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Resolves once the node says that it runs. */
async function start(...flags: string[]): Promise<Started> {
  const argv = [
    'start',
    '--data',
    folder(),
    '--json',
    '--no-mdns',
    '--listen',
    '/ip4/127.0.0.1/tcp/0',
  ]
  const child = spawn(process.execPath, [MAIN, ...argv, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  started.push(child)
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  child.stdout.setEncoding('utf8')
  const first = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (chunk: string) => {
      text += chunk
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')))
    })
    child.once('close', () => reject(new Error(`the node did not start: ${stderr}`)))
  })
  return {
    child,
    first: JSON.parse(first) as Started['first'],
    stop: async (signal = 'SIGTERM') => {
      const closed = once(child, 'close')
      child.kill(signal)
      await closed
      return child.exitCode
    },
  }
}

describe('init', () => {
  it('makes a folder that only its owner can read', async () => {
    const { operator } = await init()
    expect(operator).toMatch(/^op1[a-z2-7]{52}$/)
    const mode = async (...path: string[]) => (await stat(join(folder(), ...path))).mode & 0o777
    expect(await mode()).toBe(0o700)
    for (const key of await readdir(join(folder(), 'keys'))) {
      expect(await mode('keys', key)).toBe(0o600)
    }
  })

  it('does not overwrite keys', async () => {
    await init()
    const before = await readFile(join(folder(), 'keys', 'signing.key'))
    const again = await run('init', '--name', 'Eve', '--json')
    expect(again.exitCode).toBe(2)
    expect(again.json).toMatchObject({ error: { code: 'data-folder-exists' } })
    expect(await readFile(join(folder(), 'keys', 'signing.key'))).toEqual(before)
  })

  it('refuses a name that cannot be read as it stands, and a claim that is given twice', async () => {
    for (const name of ['a\u202eb', '   ', 'a\u0007']) {
      const ran = await run('init', '--name', name)
      expect(ran.exitCode).toBe(2)
      expect(ran.stderr).toMatch(/^rebuildnet: the name is blank, [^\n]+\n$/)
    }
    const ran = await run('init', '--name', 'Ada', '--claim', 'a=1', '--claim', 'a=2')
    expect(ran.stderr).toBe('rebuildnet: the claim "a" is given twice: give it once\n')
    expect(await readdir(root)).toEqual([])
  })

  it('asks for a name, and says how to give one where it cannot ask', async () => {
    const ran = await run('init')
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toBe('rebuildnet: the operator card needs a name: add --name NAME\n')
  })
})

describe('an answer that cannot be written', () => {
  const through = (tail: string, ...argv: string[]) =>
    spawnSync(
      'bash',
      ['-c', `set -o pipefail; "$0" "$@" ${tail}`, process.execPath, MAIN, ...argv],
      {
        encoding: 'utf8',
      },
    )

  it('is an error in one line, and never a verdict: exit 2', async () => {
    await init()
    for (const argv of [['--help'], ['status', '--json', '--data', folder()]]) {
      const ran = through('>/dev/full', ...argv)
      expect(ran.status, argv.join(' ')).toBe(2)
      expect(ran.stderr).toMatch(/^rebuildnet: the answer cannot be written: no space[^\n]+\n$/)
    }
    expect(through('2>/dev/full', 'status', '--data', join(root, 'none')).status).toBe(2)
  })

  it('because nobody reads on is quiet', async () => {
    const ran = through('| true', 'start', '--help')
    expect([0, 2]).toContain(ran.status)
    expect(ran.stderr).toBe('')
  })
})

describe('where no node runs', () => {
  it('commands answer from the data folder', async () => {
    const { operator } = await init()
    const status = await run('status', '--json')
    expect(status.exitCode, status.stderr).toBe(0)
    expect(status.json).toMatchObject({ running: false, operator, name: 'Ada', statements: 1 })
    expect((await run('queue', 'ls', '--json')).json).toEqual([])
    expect((await run('peers', '--json')).json).toEqual([])
  })

  it('the doctor knows when this node signed last, and how long its card is good', async () => {
    await init()
    const { json } = await run('doctor', '--no-build', '--json')
    expect(json).toContainEqual({ name: 'card', status: 'ok', detail: expect.any(String) })
    expect(json).toContainEqual(expect.objectContaining({ name: 'clock', status: 'ok' }))
    const yesterday = 'const { now } = Date; Date.now = () => now() - 86_400_000'
    const NODE_OPTIONS = `--import=data:text/javascript,${encodeURIComponent(yesterday)}`
    const behind = await runProgramFile(['doctor', '--no-build', '--json', '--data', folder()], {
      ...process.env,
      NODE_OPTIONS,
    })
    expect(behind.json).toContainEqual(expect.objectContaining({ name: 'clock', status: 'warn' }))
  })

  it('two commands at once wait for one another', async () => {
    await init()
    const ran = await Promise.all([run('status'), run('log'), run('trust', 'ls')])
    expect(ran.map(({ exitCode }) => exitCode)).toEqual([0, 0, 0])
  })

  it('what needs a node says so', async () => {
    await init()
    for (const argv of [
      ['alerts', 'watch'],
      ['wait', 'registry.example/app'],
    ]) {
      const ran = await run(...argv)
      expect(ran.exitCode).toBe(2)
      expect(ran.stderr).toMatch(/^rebuildnet: nothing to .*"rebuildnet start"\n$/)
    }
  })

  it('a card that one node wrote is trusted by another', async () => {
    const { operator } = await init()
    const card = join(root, 'ada.card')
    await run('card', card)
    await runProgramFile(['init', '--name', 'Bob', '--data', folder('bob')])
    const added = await runProgramFile(['trust', 'add', card, '--data', folder('bob'), '--json'])
    expect(added.exitCode, added.stderr).toBe(0)
    const listed = await runProgramFile(['trust', 'ls', '--data', folder('bob'), '--json'])
    expect(listed.json).toMatchObject([
      { id: operator, name: 'Ada', trusted: true, claims: { country: 'DE' } },
    ])
  })

  it('an unknown key in config.toml is named', async () => {
    await init()
    const { writeFile } = await import('node:fs/promises')
    await writeFile(join(folder(), 'config.toml'), 'format = 1\nlistten = []\n')
    const ran = await run('status')
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toMatch(
      /^rebuildnet: .*config\.toml:2: unknown key "listten"; known: format, .*\n$/,
    )
  })
})

describe('start', () => {
  it('runs a node that commands talk to, and stops in order when it is told to', async () => {
    const { operator } = await init()
    const node = await start()
    expect(node.first).toMatchObject({ type: 'started', data: { operator, running: true } })
    expect((await stat(node.first.data.socket)).mode & 0o777).toBe(0o600)
    const status = await run('status', '--json')
    expect(status.json).toMatchObject({ running: true, peerId: node.first.data.peerId })
    expect(await node.stop()).toBe(0)
    expect((await run('status', '--json')).json).toMatchObject({ running: false })
  })

  it('stops on Ctrl-C as well, while somebody listens to its events', async () => {
    await init()
    const node = await start()
    const watching = run('alerts', 'watch')
    expect(await node.stop('SIGINT')).toBe(0)
    expect((await watching).exitCode).toBe(2)
  })

  it('starts again after it was killed', async () => {
    await init()
    const node = await start()
    await node.stop('SIGKILL')
    const again = await start()
    expect(again.first.data.peerId).toBe(node.first.data.peerId)
    expect((await run('status', '--json')).json).toMatchObject({ running: true })
    await again.stop()
  })

  it('waits for a command that is at work in the data folder', async () => {
    await init()
    const [, node] = await Promise.all([run('status'), start(), run('log')])
    expect((await run('status', '--json')).json).toMatchObject({ running: true })
    await node.stop()
  })

  it('says that another node holds the data folder', async () => {
    await init()
    const node = await start()
    const second = await run('start', '--no-mdns', '--listen', '/ip4/127.0.0.1/tcp/0')
    expect(second.exitCode).toBe(2)
    expect(second.stderr).toMatch(/^rebuildnet: [^\n]+\n$/)
    expect((await run('status', '--json')).json).toMatchObject({ running: true })
    await node.stop()
  })

  it('says that a port is in use', async () => {
    await init()
    const blocker = createServer()
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
    const { port } = blocker.address() as { port: number }
    const http = await run(
      'start',
      '--no-mdns',
      '--listen',
      '/ip4/127.0.0.1/tcp/0',
      '--http',
      `127.0.0.1:${port}`,
    )
    expect(http.exitCode).toBe(2)
    expect(http.stderr).toMatch(
      new RegExp(`^rebuildnet: port ${port} [^\\n]+choose another[^\\n]+\\n$`),
    )
    const peer = await run('start', '--no-mdns', '--listen', `/ip4/127.0.0.1/tcp/${port}`)
    expect(peer.exitCode).toBe(2)
    expect(peer.stderr).toMatch(/^rebuildnet: [^\n]+\n$/)
    expect(peer.stderr).toContain(String(port))
    await new Promise((resolve) => blocker.close(resolve))
  })

  it.each([
    ['--http', '0.0.0.0:80', 'must be 127.0.0.1:PORT'],
    ['--sync-interval', '1ms', 'is no duration such as "90s", "10m" or "48h"'],
    ['--build-proxy', 'cache', 'is no http:// address'],
    ['--webhook', 'ftp://example.org/', 'must be an http:// or https:// URL'],
  ])('names the flag %s as it was typed', async (flag, value, words) => {
    await init()
    const ran = await run('start', flag, value)
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toBe(`rebuildnet: command line: "${flag}" ${words}\n`)
  })
})

describe('a quick command', () => {
  it('loads neither libp2p nor the web server', async () => {
    await init()
    const node = await start()
    for (const argv of [['--help'], ['status'], ['verify', '--help']]) {
      const coverage = join(root, `coverage-${argv[0] ?? ''}-${argv.length}`)
      await runProgramFile([...argv, '--data', folder()], {
        ...process.env,
        NODE_V8_COVERAGE: coverage,
      })
      const files = await readdir(coverage)
      const loaded = (
        await Promise.all(files.map((file) => readFile(join(coverage, file), 'utf8')))
      ).join('')
      expect(loaded).toContain('cli/program.js')
      expect(loaded).not.toMatch(/node_modules\/(libp2p|@libp2p|fastify|classic-level)\//)
    }
    await node.stop()
  })
})
