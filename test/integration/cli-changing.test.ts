/** Commands that change something: against an API on a real socket. */
import { spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  DIGEST,
  IMAGE,
  makeGate,
  makeQueueItem,
  makeWatch,
  OPERATOR,
  SID,
} from '../support/memory-service.ts'
import { TestNode } from '../support/command-line.ts'

let node: TestNode
beforeEach(async () => {
  node = await TestNode.start()
})
afterEach(() => node.stop())

describe('follow', () => {
  it('names a file that is empty', async () => {
    const file = await node.file('empty.toml', '')
    const ran = await node.run('follow', file, '--yes')
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toContain(`${file} is empty`)
  })

  it('shows what it means and refuses where nobody can be asked', async () => {
    const file = await node.file('app.toml', 'image = "x"')
    const ran = await node.run('follow', file)
    expect(ran.exitCode).toBe(2)
    expect(ran.stdout).toBe('')
    for (const shown of [
      'git+https://git.example/app',
      OPERATOR,
      'buildah',
      'rootless',
      '20.0 GiB',
    ]) {
      expect(ran.stderr).toContain(shown)
    }
    expect(ran.stderr).toContain('warning: this machine cannot limit memory')
    expect(ran.stderr.trim().split('\n').at(-1)).toBe(
      `rebuildnet: following ${IMAGE} was not agreed to: ask in a terminal, or add --yes`,
    )
    expect(node.api.service.followed).toEqual([])
  })

  it.each([
    ['y', 0, 1],
    ['n', 1, 0],
    ['\u0003', 1, 0],
  ])('asks on a terminal: the key %j exits %i', async (typed, exitCode, followed) => {
    const file = await node.file('app.toml', 'image = "x"')
    const ran = await node.runWith({ terminal: true, typed }, 'follow', file)
    expect(ran.stderr).toContain('Follow this project?')
    expect(ran.exitCode).toBe(exitCode)
    expect(node.api.service.followed).toHaveLength(followed)
  })

  it('asks in whole words on a terminal that says it has no columns', async () => {
    const file = await node.file('app.toml', 'image = "x"')
    const ran = await node.runWith({ terminal: true, columns: 0, typed: 'n' }, 'follow', file)
    expect(ran.stderr).toContain('Follow this project?')
  })

  it('takes a bare Enter for no', async () => {
    const file = await node.file('app.toml', 'image = "x"')
    const ran = await node.runWith({ terminal: true, typed: '\r' }, 'follow', file)
    expect(ran.exitCode).toBe(1)
    expect(ran.stderr).toContain('nothing was changed')
    expect(node.api.service.followed).toEqual([])
  })

  it('with --yes follows without asking, and still warns', async () => {
    const file = await node.file('app.toml', 'image = "x"')
    const ran = await node.run('follow', file, '--yes', '--json')
    expect(ran.exitCode).toBe(0)
    expect(ran.json).toMatchObject({ followed: true, image: IMAGE })
    expect(ran.stderr).toContain('warning: this machine cannot limit memory')
    expect(node.api.service.followed).toEqual([
      { projectFile: 'image = "x"', build: true, trustRecipe: false },
    ])
  })

  it('passes on how it is to be followed', async () => {
    const file = await node.file('app.toml', 'x')
    await node.run('follow', file, '--yes', '--no-build')
    await node.run('follow', file, '--yes', '--trust-recipe')
    await node.run('follow', file, '--yes', '--priority', 'low')
    await node.run('follow', file, '--yes', '--announce')
    await node.run('follow', file, '--yes', '--no-announce')
    expect(node.api.service.followed).toMatchObject([
      { build: false, trustRecipe: false },
      { build: true, trustRecipe: true },
      { build: true, priority: 'low' },
      { build: true, announce: true },
      { build: true, announce: false },
    ])
  })

  it('names a file that is not there', async () => {
    const ran = await node.run('follow', '/nowhere/app.toml', '--yes', '--json')
    expect(ran.exitCode).toBe(2)
    expect(ran.json).toEqual({
      error: {
        code: 'file',
        message: '/nowhere/app.toml: there is no such file or folder: check the path',
      },
    })
  })
})

describe('unfollow', () => {
  it('stops following, and says so where nothing was followed', async () => {
    expect((await node.run('unfollow', IMAGE)).exitCode).toBe(0)
    const again = await node.run('unfollow', IMAGE, '--json')
    expect(again.exitCode).toBe(2)
    expect(again.json).toMatchObject({ error: { code: 'not-followed' } })
  })
})

describe('watch', () => {
  it('lists what became of the tags', async () => {
    const ran = await node.run('watch', 'ls', '--json')
    expect(ran.json).toMatchObject([{ image: IMAGE, tags: [{ tag: 'v2', state: 'announced' }] }])
    const shown = await node.run('watch', 'ls')
    expect(shown.stdout).toMatch(/v2 +git +2 +announced as /)
  })

  it('looks now, and says with its exit code whether a tag was refused', async () => {
    const ran = await node.run('watch', 'poll', IMAGE, '--json')
    expect(ran).toMatchObject({ exitCode: 0, json: { image: IMAGE } })
    const other = await node.run('watch', 'poll', 'registry.example/other')
    expect(other.exitCode).toBe(2)
    expect(other.stderr).toContain('are not watched here')
    const bad = { ...makeWatch().tags[0]!, state: 'moved' } as const
    node.api.service.watchReplies = [makeWatch({ tags: [bad] })]
    expect((await node.run('watch', 'poll', IMAGE)).exitCode).toBe(1)
  })
})

describe('announce', () => {
  it('passes on version, source and published image', async () => {
    const ran = await node.run(
      'announce',
      IMAGE,
      '--version',
      '2.0.0',
      '--commit',
      'a'.repeat(40),
      '--ref',
      'refs/tags/v2.0.0',
      '--published',
      `${IMAGE}@${DIGEST}`,
      '--json',
    )
    expect(ran.exitCode).toBe(0)
    expect(ran.json).toMatchObject({ version: '2.0.0', sid: SID })
    expect(node.api.service.announced).toEqual([
      {
        image: IMAGE,
        version: '2.0.0',
        commit: 'a'.repeat(40),
        ref: 'refs/tags/v2.0.0',
        published: `${IMAGE}@${DIGEST}`,
      },
    ])
  })

  it('finds the blind release that it publishes by a prefix', async () => {
    await node.run(
      'announce',
      IMAGE,
      '--version',
      '2',
      '--ref',
      'v2',
      '--publishes',
      SID.slice(0, 8),
    )
    expect(node.api.service.announced).toMatchObject([{ publishes: SID }])
  })

  it('is blind where it names no image, and takes no image where it is to be blind', async () => {
    const source = ['--version', '2', '--ref', 'v2', '--blind']
    expect((await node.run('announce', IMAGE, ...source)).exitCode).toBe(0)
    expect(node.api.service.announced).toEqual([{ image: IMAGE, version: '2', ref: 'v2' }])
    const ran = await node.run('announce', IMAGE, ...source, '--published', `${IMAGE}@${DIGEST}`)
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toBe(
      'rebuildnet: a blind announcement names no image: leave out --blind, or --published and --publishes\n',
    )
    expect(node.api.service.announced).toHaveLength(1)
  })

  it('needs a source', async () => {
    const ran = await node.run('announce', IMAGE, '--version', '2')
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toBe(
      'rebuildnet: a release needs its source: add --commit COMMIT or --ref REF\n',
    )
  })
})

describe('withdraw', () => {
  it('passes on the reason', async () => {
    const ran = await node.run('withdraw', SID, '--reason', 'bad memory', '--json')
    expect(ran.json).toMatchObject({ kind: 'withdrawal', summary: expect.stringMatching(/bad/) })
  })

  it('needs a reason', async () => {
    const ran = await node.run('withdraw', SID)
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toContain('--reason')
  })
})

describe('rebuild', () => {
  it('queues', async () => {
    const ran = await node.run('rebuild', SID.slice(0, 8), '--json')
    expect(ran.exitCode).toBe(0)
    expect(ran.json).toMatchObject([{ id: 'item-1', state: 'waiting' }])
  })

  it('with --dry-run shows commands that can be typed', async () => {
    const ran = await node.run('rebuild', SID, '--dry-run')
    expect(ran.exitCode).toBe(0)
    expect(ran.stdout).toContain("  buildah build --file 'Docker file'\n")
  })

  it('with --dry-run --print shows nothing but what a shell reads', async () => {
    const { service } = node.api
    const [plan] = await service.planRebuild()
    const shown = ["it's", '$WORK/a b', '$HOME', '', 'two\nlines\n', '\u001b[1m\u202ehidden\r']
    const commands = [['printf', '<%s>', ...shown]]
    service.planRebuild = async () => [{ ...plan!, commands }]
    const ran = await node.run('rebuild', SID, '--dry-run', '--print')
    expect(ran.exitCode).toBe(0)
    const shell = spawnSync('sh', ['-c', ran.stdout.replace('$(mktemp -d)', '/fresh')], {
      encoding: 'utf8',
    })
    const read = shown.map((word) => `<${word.replace('$WORK', '/fresh')}>`).join('')
    expect(shell).toMatchObject({ status: 0, stdout: read })
  })

  it('with --print alone is told what it is for', async () => {
    const ran = await node.run('rebuild', SID, '--print')
    expect(ran.exitCode).toBe(2)
  })

  it('with --dry-run exits 1 where the node would refuse', async () => {
    const { service } = node.api
    const [plan] = await service.planRebuild()
    service.planRebuild = async () => [{ ...plan!, refusals: ['its recipe is not trusted'] }]
    const ran = await node.run('rebuild', SID, '--dry-run')
    expect(ran.exitCode).toBe(1)
    expect(ran.stdout).toContain('refused: its recipe is not trusted')
  })
})

describe('queue', () => {
  it('shows as much of an id as is needed, and where the log of a failed build is', async () => {
    const long = (release: string, platform: string, fields = {}) =>
      makeQueueItem({ id: `${release}:${platform}`, release, platform, ...fields })
    const [one, two] = ['1'.repeat(64), '2'.repeat(64)]
    node.api.service.queueList = [
      long(one, 'linux/amd64', { log: '/data/logs/ab.log' }),
      long(two, 'linux/amd64', { state: 'done', detail: 'built', log: '/data/logs/cd.log' }),
      long(two, 'linux/arm64'),
    ]
    const { stdout } = await node.run('queue', 'ls')
    expect(stdout).toMatch(/^111111111111 /m)
    expect(stdout).toMatch(/^222222222222:linux\/arm64 /m)
    expect(stdout).toContain('build log of 111111111111  /data/logs/ab.log')
    expect(stdout).not.toContain('cd.log')
  })

  it('is listed, with what went wrong', async () => {
    const ran = await node.run('queue', 'ls')
    expect(ran.exitCode).toBe(0)
    expect(ran.stdout).toMatch(/item-1 .* failed .* the source is not reachable/)
  })

  it.each([
    ['retry', 'waiting'],
    ['cancel', 'cancelled'],
  ])('%s makes an item %s', async (verb, state) => {
    expect((await node.run('queue', verb, 'item-1', '--json')).json).toMatchObject({ state })
  })

  it('gives a rebuild another priority, or that of its project', async () => {
    const ran = await node.run('queue', 'priority', 'item-1', 'high', '--json')
    expect(ran.json).toMatchObject({ priority: 'high' })
    const back = await node.run('queue', 'priority', 'item-1', 'project', '--json')
    expect(back.json).toMatchObject({ priority: 'normal' })
    const wrong = await node.run('queue', 'priority', 'item-1', 'urgent')
    expect(wrong.exitCode).toBe(2)
    expect(wrong.stderr).toContain('"urgent" is no priority: write high, normal, low or project')
  })

  it('is paused and resumed, and says so', async () => {
    const paused = await node.run('queue', 'pause', '--stop')
    expect(paused.stdout).toContain('no rebuild begins: paused by hand')
    const resumed = await node.run('queue', 'resume', '--voting', '--json')
    expect(resumed.json).toMatchObject({ open: true })
    expect(node.api.service.paused).toEqual([{ stop: true }])
    expect(node.api.service.resumed).toEqual([{ voting: true }])
  })

  it('shows why nothing begins, and how voting goes on', async () => {
    const status = await node.api.service.status()
    const gate = makeGate({
      open: false,
      reasons: ['voting stopped: two cold builds differ'],
      votingStopped: { since: 1_700_000_000, reasons: ['two cold builds differ'] },
    })
    node.api.service.status = async () => ({ ...status, queue: { ...status.queue, gate } })
    const shown = 'no rebuild begins: voting stopped: two cold builds differ ("rebuildnet queue'
    expect((await node.run('queue', 'ls')).stdout).toContain(shown)
    expect((await node.run('status')).stdout).toContain(shown)
  })

  it('says which item there is not', async () => {
    const ran = await node.run('queue', 'retry', 'item-9')
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toBe('rebuildnet: no rebuild item-9 on the queue\n')
  })
})

describe('prune', () => {
  it('says what went, or would go', async () => {
    const tried = await node.run('prune', '--dry-run', '--older-than', '30d')
    expect(tried.stdout).toMatch(/would go:\n.*2 of images not followed, 1 of strangers, 3 cards/)
    expect((await node.run('prune', '--json')).json).toMatchObject({ dryRun: false, alerts: 5 })
    expect(node.api.service.pruned).toEqual([{ dryRun: true, olderThan: 30 * 86_400 }, {}])
    expect((await node.run('prune', '--older-than', 'soon')).exitCode).toBe(2)
  })
})

describe('trust', () => {
  it('takes a card that another node wrote', async () => {
    const path = join(node.api.folder, 'own.card')
    expect((await node.run('card', path)).exitCode).toBe(0)
    expect(JSON.parse(await readFile(path, 'utf8'))).toEqual({
      format: 1,
      operator: OPERATOR,
      card: 'AQID',
    })
    const ran = await node.run(
      'trust',
      'add',
      path,
      '--group',
      'eu',
      '--group',
      'ngo',
      '--name',
      'A',
    )
    expect(ran.exitCode).toBe(0)
    expect(node.api.service.trusted).toEqual([
      { card: 'AQID', earlier: [], groups: ['eu', 'ngo'], name: 'A' },
    ])
  })

  it('takes an operator id', async () => {
    await node.run('trust', 'add', OPERATOR)
    expect(node.api.service.trusted).toEqual([{ operator: OPERATOR }])
  })

  it('warns of another of the same name', async () => {
    const [ada] = await node.api.service.operators()
    const other = `op1${'z'.repeat(52)}`
    node.api.service.operatorList = [ada!, { ...ada!, id: other }]
    const ran = await node.run('trust', 'add', OPERATOR)
    expect(ran.exitCode).toBe(0)
    expect(ran.stderr).toContain(`another operator of the name "Ada": ${other}`)
    node.api.service.operatorList = [ada!, { ...ada!, id: other, trusted: false }]
    expect((await node.run('trust', 'add', OPERATOR)).stderr).toBe('')
  })

  it('says what is wrong with an id that is cut off', async () => {
    const ran = await node.run('trust', 'add', OPERATOR.slice(0, 20))
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toContain('it is op1 and 52 characters')
  })

  it('lists who is trusted, and others only when asked', async () => {
    const [ada] = await node.api.service.operators()
    node.api.service.operatorList = [
      ada!,
      { ...ada!, id: `op1${'z'.repeat(52)}`, name: 'Stranger', trusted: false },
    ]
    const trusted = await node.run('trust', 'ls')
    expect(trusted.stdout).toMatch(/yes +op1a+ +Ada +eu .*country=DE/)
    expect(trusted.stdout).not.toContain('Stranger')
    expect((await node.run('trust', 'ls', '--all')).stdout).toContain('Stranger')
  })

  it('takes one out again, and says so where there was none', async () => {
    expect((await node.run('trust', 'rm', OPERATOR)).exitCode).toBe(0)
    expect((await node.run('trust', 'rm', OPERATOR)).exitCode).toBe(2)
  })
})

describe('the card', () => {
  it('goes to standard output where no file is named', async () => {
    const ran = await node.run('card')
    expect(JSON.parse(ran.stdout)).toMatchObject({ operator: OPERATOR, card: 'AQID' })
  })
})
