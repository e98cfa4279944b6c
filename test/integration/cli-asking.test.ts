/** verify, explain, wait, alerts: against an API on a real socket. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  DIGEST,
  IMAGE,
  makeAlert,
  makeAnswer,
  makeDiff,
  makeQueueItem,
  makeVerdict,
  SID,
} from '../support/memory-service.ts'
import { TestNode } from '../support/command-line.ts'
import { waitFor } from '../support/wait-for.ts'

let node: TestNode
beforeEach(async () => {
  node = await TestNode.start()
})
afterEach(() => node.stop())

describe('diff --between', () => {
  it('shows both values, where they come from, and what moved', async () => {
    const ran = await node.run('diff', SID, '--between', 'alice', 'published')
    expect(ran.exitCode).toBe(1)
    expect(ran.stdout).toContain('a  alice')
    expect(ran.stdout).toContain('mode 0755 → 4755')
    expect(ran.stdout).toContain(
      '  docker://debian: sha256:111111111111… for alice; sha256:222222222222… for published\n',
    )
    expect(ran.stdout).toContain('2.0 KiB received, 100 B sent, 1 peer asked')
    const json = await node.run('diff', SID, '--between', 'alice', 'published', '--json')
    expect(json.json).toMatchObject({ equal: 'none', count: 1, moved: { received: 2000 } })
  })

  it('at exact compares the manifests as well', async () => {
    const diff = (...more: string[]) =>
      node.run('diff', SID, '--between', 'alice', 'published', '--level', 'exact', ...more)
    const { a, b } = makeDiff('alice', 'published')
    node.api.service.compared = { equal: 'normalized', count: 0, differences: [] }
    const same = await diff('--json')
    expect(same.exitCode).toBe(0)
    expect(same.json).toMatchObject({ equal: 'exact' })
    const other = `sha256:${'9'.repeat(64)}`
    node.api.service.compared = {
      ...node.api.service.compared,
      b: { ...b, manifestDigest: other },
    }
    const ran = await diff()
    expect(ran.exitCode).toBe(1)
    expect(ran.stdout).toContain(
      `as stored\n  ~ manifest\n      a ${a.manifestDigest}\n      b ${other}\n`,
    )
    expect(ran.stdout).not.toContain('0 differences')
    // Whoever claims another's manifest for other files has not shown it.
    node.api.service.compared = { equal: 'none' }
    expect((await diff()).exitCode).toBe(1)
  })

  it('wants two of them', async () => {
    expect((await node.run('diff', SID, '--between', 'alice')).exitCode).toBe(2)
  })
})

const PENDING = makeVerdict(
  makeAnswer({ verdict: 'pending', decision: 'undecided', have: 1, reasons: ['1 of 2 votes'] }),
)
const CONTRADICTED = makeVerdict(makeAnswer({ verdict: 'contradicted', decision: 'deny' }))

describe('verify', () => {
  it('exits 0 for allow and says which digest the tag was', async () => {
    const ran = await node.run('verify', `${IMAGE}:1.0.0`)
    expect(ran.exitCode).toBe(0)
    expect(ran.stdout).toContain(DIGEST)
    expect(node.api.service.asked).toEqual([{ image: `${IMAGE}:1.0.0` }])
  })

  it('exits 1 for deny', async () => {
    node.api.service.reply = CONTRADICTED
    expect((await node.run('verify', IMAGE)).exitCode).toBe(1)
  })

  it('exits 3 for undecided', async () => {
    node.api.service.reply = PENDING
    expect((await node.run('verify', IMAGE)).exitCode).toBe(3)
  })

  it('exits 3 where there is no answer at all, whatever the decision says', async () => {
    node.api.service.reply = { ...makeVerdict(), decision: 'allow' }
    expect((await node.run('verify', IMAGE)).exitCode).toBe(3)
  })

  it('passes on the platform, and prints one JSON value', async () => {
    const ran = await node.run('verify', IMAGE, '--platform', 'linux/arm64', '--json')
    expect(ran.json).toMatchObject({ verdict: 'reproduced', decision: 'allow', digest: DIGEST })
    expect(node.api.service.asked.at(-1)).toEqual({ image: IMAGE, platform: 'linux/arm64' })
  })

  it('passes on the hosts that may be plain http', async () => {
    await node.run('verify', IMAGE, '--insecure', 'a.lan:5000', '--insecure', 'b.lan')
    expect(node.api.service.asked.at(-1)).toEqual({
      image: IMAGE,
      insecure: ['a.lan:5000', 'b.lan'],
    })
  })

  it('exits 2 with one line where the node fails, and never 0', async () => {
    node.api.service.failure = new Error('broken')
    const ran = await node.run('verify', IMAGE)
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toMatch(/^rebuildnet: internal error: broken[^\n]*\n$/)
  })
})

describe('explain', () => {
  it('exits 0 once it is told, and has everything in its JSON', async () => {
    node.api.service.reply = CONTRADICTED
    const ran = await node.run('explain', IMAGE, '--json')
    expect(ran.exitCode).toBe(0)
    expect(ran.json).toEqual(CONTRADICTED)
  })
})

describe('wait', () => {
  it('asks again when the node hears something, and exits with what it was decided', async () => {
    const { service } = node.api
    service.reply = PENDING
    const waiting = node.run('wait', IMAGE, '--json')
    await waitFor('a first question', () => service.asked.length > 0)
    service.reply = CONTRADICTED
    service.emit({ type: 'verdict', data: makeAnswer() })
    const ran = await waiting
    expect(ran.exitCode).toBe(1)
    expect(ran.json).toMatchObject({ verdict: 'contradicted' })
  })

  it('holds on to the digest that the tag was when it began', async () => {
    const { service } = node.api
    service.reply = PENDING
    const waiting = node.run('wait', `${IMAGE}:latest`)
    await waitFor('a first question', () => service.asked.length > 0)
    service.reply = CONTRADICTED
    service.emit({ type: 'verdict', data: makeAnswer() })
    await waiting
    expect(service.asked.at(-1)).toEqual({
      image: `${IMAGE}@${DIGEST}`,
      platform: 'linux/amd64',
    })
  })

  it('exits at once where the decision is there', async () => {
    expect((await node.run('wait', IMAGE)).exitCode).toBe(0)
  })

  it('exits 3 when the time is over', async () => {
    node.api.service.reply = PENDING
    const ran = await node.run('wait', IMAGE, '--timeout', '1s', '--json')
    expect(ran.exitCode).toBe(3)
    expect(ran.json).toMatchObject({ verdict: 'pending' })
  })

  it('exits 2 when the node stops meanwhile', async () => {
    const { service } = node.api
    service.reply = PENDING
    const waiting = node.run('wait', IMAGE)
    await waitFor('a first question', () => service.asked.length > 0)
    await node.api.server.stop()
    const ran = await waiting
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toContain('rebuildnet start')
  })
})

describe('alerts', () => {
  it('exit 1 while one is open, and name the file that differs', async () => {
    const ran = await node.run('alerts', 'ls')
    expect(ran.exitCode).toBe(1)
    expect(ran.stdout).toContain('✗ contradicted')
    expect(ran.stdout).toContain('differs: usr/bin/app')
  })

  it('exit 0 where all are over', async () => {
    node.api.service.alertList = [makeAlert({ ended: 1_700_000_500 })]
    const ran = await node.run('alerts', 'ls')
    expect(ran.exitCode).toBe(0)
    expect(ran.stdout).toContain('until 2023-11-14')
    expect((await node.run('alerts', 'ls', '--open', '--json')).json).toEqual([])
  })

  it('are shown as they come, one JSON value a line, until it is stopped', async () => {
    const { service } = node.api
    const ran = await node.runWith(
      {
        onOutput: (text, stop) => {
          if (text.startsWith('watching')) {
            service.emit({ type: 'alert', data: makeAlert({ id: 'first' }) })
          } else if (text.includes('first')) {
            service.emit({ type: 'queue', data: makeQueueItem() })
            service.emit({ type: 'alert', data: makeAlert({ id: 'second' }) })
          } else if (text.includes('second')) stop()
        },
      },
      'alerts',
      'watch',
      '--json',
    )
    expect(ran.exitCode).toBe(0)
    const ids = ran.stdout
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { id: string }).id)
    expect(ids).toEqual(['first', 'second'])
  })
})
