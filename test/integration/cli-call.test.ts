/** How commands are called, whatever they do. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { COMMANDS } from '../../cli/command-table.ts'
import { IMAGE, makeStatement, SID, STRANGER } from '../support/memory-service.ts'
import { runHere, TestNode } from '../support/command-line.ts'

let empty: string
beforeAll(async () => {
  empty = await mkdtemp(join(tmpdir(), 'rn-'))
})
afterAll(() => rm(empty, { recursive: true, force: true }))

describe('help', () => {
  it('names every command of the design, with a summary', async () => {
    const { stdout, exitCode } = await runHere(['--help'])
    expect(exitCode).toBe(0)
    const expected =
      'init start demo doctor follow unfollow projects announce withdraw rebuild queue log normalize diff verify explain wait trust card peers status alerts'
    for (const name of expected.split(' ')) {
      expect(stdout).toMatch(new RegExp(`^  ${name} +\\S`, 'm'))
    }
  })

  it.each(COMMANDS.map(({ name }) => name))('of %s describes it, with examples', async (name) => {
    const { stdout, stderr, exitCode } = await runHere([name, '--help'])
    expect(exitCode, stderr).toBe(0)
    expect(stdout).toMatch(new RegExp(`^Usage: rebuildnet ${name}`))
    expect(stdout).toContain(`Examples:\n  $ rebuildnet ${name}`)
    expect(stdout).toContain('--json')
    expect(stdout).toContain('--data <folder>')
  })

  it('is shown where nothing is asked, which is no success', async () => {
    const ran = await runHere([])
    expect(ran.exitCode).toBe(2)
    expect(ran.stdout).toBe('')
    expect(ran.stderr).toContain('Usage: rebuildnet')
  })

  it('lists --version, and says which options must be there', async () => {
    expect((await runHere(['--help'])).stdout).toMatch(/^ +-V, --version +\S/m)
    const { stdout } = await runHere(['announce', '--help'])
    expect(stdout).toMatch(/^ +--version <version> .*\(required\)$/m)
    expect(stdout).not.toMatch(/--commit .*\(required\)/)
    expect(stdout).not.toContain('-V')
  })

  it('prints the defaults that hold', async () => {
    const { stdout } = await runHere(['start', '--help'])
    expect(stdout.replaceAll(/\s+/g, ' ')).toContain('(default: /ip4/0.0.0.0/tcp/4801)')
  })
})

const UNREADABLE =
  'the name is blank, or has control or invisible characters: give one that can be read'

describe('a wrong call', () => {
  it.each([
    [['verify'], 'missing required argument \'image\'; see "rebuildnet verify --help"'],
    [['trust', 'add'], 'missing required argument \'card\'; see "rebuildnet trust add --help"'],
    [['verfy', 'x'], "unknown command 'verfy': did you mean verify?"],
    [['verify', ''], 'the argument \'image\' is empty; see "rebuildnet verify --help"'],
    [['trust', 'add', STRANGER, '--name', ''], UNREADABLE],
    [['trust', 'add', STRANGER, '--name', 'A\nB'], UNREADABLE],
    [
      ['init', '--name', 'n'.repeat(5000)],
      'the name has 5000 bytes, and 128 are the most: shorten it',
    ],
    [
      ['init', '--name', 'n', '--contact', 'c'.repeat(257)],
      'the contact has 257 bytes, and 256 are the most: shorten it',
    ],
  ])('%j points to what helps', async (argv, message) => {
    const node = await TestNode.start()
    expect((await node.run(...argv)).stderr).toBe(`rebuildnet: ${message}\n`)
    await node.stop()
  })

  it.each([
    [['verfy', 'x'], "unknown command 'verfy'"],
    [['verify'], "missing required argument 'image'"],
    [['verify', 'a', 'b'], 'got 2: a, b; see "rebuildnet verify --help"'],
    [['verify', 'a', '--proof', 'b'], 'name one thing'],
    [['export', '-o', 'x'], 'name either an image, or an operator'],
    [['verify', 'x', '--plattform', 'y'], "unknown option '--plattform'"],
    [['diff', 'a', 'b', '--level', 'loose'], 'Allowed choices are exact, normalized, rootfs'],
    [['wait', 'x', '--timeout', 'soon'], 'is no duration'],
    [['log', '--limit', 'all'], 'is no number'],
    [['normalize'], 'nothing to normalize'],
    [['normalize', 'x', '--layer', 'y'], 'not both'],
    [['queue', 'drop'], "unknown command 'drop'"],
  ])('%j exits 2 with one line, in JSON as well', async (argv, message) => {
    const ran = await runHere([...argv, '--data', empty])
    expect(ran.exitCode).toBe(2)
    expect(ran.stdout).toBe('')
    expect(ran.stderr).toMatch(/^rebuildnet: [^\n]+\n$/)
    expect(ran.stderr).toContain(message)
    const json = await runHere([...argv, '--data', empty, '--json'])
    expect(json.json).toMatchObject({
      error: { code: 'usage', message: expect.stringContaining(message) },
    })
  })
})

describe('the data folder', () => {
  it('that is none is named, with what to do', async () => {
    const ran = await runHere(['status', '--data', empty, '--json'])
    expect(ran.exitCode).toBe(2)
    expect(ran.json).toMatchObject({ error: { code: 'no-data-folder' } })
    expect(ran.stderr).toContain(`${empty} is no data folder`)
    expect(ran.stderr).toContain('rebuildnet init')
  })

  it('comes from --data, then REBUILDNET_DATA, then XDG_DATA_HOME', async () => {
    const named = async (argv: string[], environment: NodeJS.ProcessEnv) =>
      (await runHere(['status', ...argv], { environment })).stderr
    const environment = { REBUILDNET_DATA: join(empty, 'variable'), XDG_DATA_HOME: empty }
    expect(await named(['--data', join(empty, 'flag')], environment)).toContain('/flag is no')
    expect(await named([], environment)).toContain('/variable is no')
    expect(await named([], { XDG_DATA_HOME: empty })).toContain(`${empty}/rebuildnet is no`)
  })

  it('may be named before the command as well', async () => {
    const ran = await runHere(['--data', empty, '--json', 'status'])
    expect(ran.json).toMatchObject({ error: { code: 'no-data-folder' } })
  })
})

describe('what is printed', () => {
  let node: TestNode | undefined
  afterEach(async () => {
    await node?.stop()
    node = undefined
  })

  it('T20: is harmless, whatever a stranger wrote', async () => {
    node = await TestNode.start()
    const evil = 'x\u001b]52;c;AAAA\u0007\u009b2J\u202e\nrebuildnet: all is well'
    const { service } = node.api
    service.state = {
      ...service.state,
      name: evil,
      builder: evil,
      policy: { hash: evil, operators: 1, warnings: [evil] },
    }
    service.statementList = [makeStatement({ summary: evil, body: { note: evil } })]
    service.operatorList = [
      { ...service.operatorList[0]!, name: evil, contact: evil, claims: { [evil]: evil } },
    ]
    service.queueList = [{ ...service.queueList[0]!, detail: evil, stage: evil }]
    service.alertList = [
      { ...service.alertList[0]!, reasons: [evil], evidence: { sids: [], paths: [evil] } },
    ]
    service.releaseList = [{ ...service.releaseList[0]!, version: evil }]
    const calls = [
      ['status'],
      ['log'],
      ['log', SID],
      ['trust', 'ls'],
      ['queue', 'ls'],
      ['alerts', 'ls'],
      ['releases'],
    ]
    for (const call of calls) {
      const plain = await node.run(...call)
      expect(plain.stdout).not.toBe('')
      expect(plain.stdout.replaceAll('\n', ''), call.join(' ')).not.toMatch(/[\p{Cc}\p{Cf}]/u)
      expect(plain.stdout, call.join(' ')).not.toMatch(/^rebuildnet: all is well/m)
      const json = await node.run(...call, '--json')
      expect(json.stdout).not.toMatch(/[\u007f-\u009f\u202e]/)
      expect(json.stdout).toMatch(/^[^\n]+\n$/)
    }
  })

  it('is one JSON value for each command that lists', async () => {
    node = await TestNode.start()
    const calls = [
      ['status'],
      ['projects'],
      ['releases'],
      ['releases', IMAGE],
      ['stats'],
      ['stats', IMAGE, '--last', '20'],
      ['log'],
      ['log', IMAGE],
      ['log', SID],
      ['queue', 'ls'],
      ['peers'],
      ['alerts', 'ls'],
      ['trust', 'ls'],
      ['card'],
    ]
    for (const call of calls) {
      const ran = await node.run(...call, '--json')
      expect(ran.json, call.join(' ')).not.toBeNull()
      expect(ran.stderr, call.join(' ')).toBe('')
    }
  })

  it('has a table for people, for each of them', async () => {
    node = await TestNode.start()
    expect((await node.run('projects')).stdout).toMatch(/image +rebuilds +platforms/)
    expect((await node.run('releases')).stdout).toMatch(/1\.0\.0 .* ✓ reproduced +allow/)
    const { stdout } = await node.run('stats', IMAGE, '--last', '20')
    expect(node.api.service.counted.at(-1)).toEqual({ image: IMAGE, last: 20 })
    expect(stdout).toMatch(/^quorum +half within 10m, nine of ten within 2h, longest 2h \(3\); /m)
    expect(stdout).toMatch(/not reached yet: 1$/m)
    expect(stdout).toMatch(/^agreement +8 of 9 results; all alike: 2 of 4 images$/m)
    expect(stdout).toMatch(/Ada .* 3 +1 +0$/m)
    expect((await node.run('status')).stdout).toMatch(/^disk +3\.0 MiB .*of 10\.0 GiB given$/m)
    expect((await node.run('stats', '--last', 'all')).exitCode).toBe(2)
    expect((await node.run('peers')).stdout).toMatch(/12D3KooWBob +outbound +1\.5/)
    expect((await node.run('log')).stdout).toMatch(
      /release +registry\.example\/app +release 1\.0\.0/,
    )
    expect((await node.run('status')).stdout).toMatch(/node +running since 2023-11-14/)
  })

  it('lists releases in the order of their time', async () => {
    node = await TestNode.start()
    const { service } = node.api
    const [release] = service.releaseList
    service.releaseList = [3, 1, 2].map((announced) => ({ ...release!, announced }))
    const { json } = await node.run('releases', '--json')
    expect((json as { announced: number }[]).map(({ announced }) => announced)).toEqual([1, 2, 3])
  })

  it('warns of a card that ends, and says when it has', async () => {
    node = await TestNode.start()
    const { service } = node.api
    const now = Math.floor(Date.now() / 1000)
    expect((await node.run('status')).stdout).toMatch(/^card +good until 2096-/m)
    expect((await node.run('card')).stderr).toBe('')
    service.state = { ...service.state, cardExpires: now + 10 * 86_400 - 60 }
    expect((await node.run('status')).stdout).toMatch(/^card +expires in 9 days, on /m)
    service.state = { ...service.state, cardExpires: now - 60 }
    expect((await node.run('status')).stdout).toMatch(/^card +expired on /m)
    const card = await node.run('card')
    expect(card.exitCode).toBe(0)
    expect(card.stderr).toMatch(/^error: the operator card expired on [^\n]+\n$/)
  })

  it('says 1 for a statement that is not known', async () => {
    node = await TestNode.start()
    const ran = await node.run('log', 'ffffffff', '--json')
    expect(ran.exitCode).toBe(1)
    expect(ran.json).toBeNull()
  })
})
