/** Evidence that comes as a file: what it allows, what it cannot hide, and what it proves. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runProgram } from '../../cli/program.ts'
import { systemClock, unixSeconds } from '../../node/clock.ts'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { openOfflineService } from '../../node/node.ts'
import { encodeBundle, parseBundle } from '../../protocol/bundle.ts'
import type { CreatedStatement } from '../../protocol/create-statement.ts'
import { proveFork } from '../../protocol/log/equivocation.ts'
import { TestLog } from '../support/logs.ts'
import { GOOD, makeNodeFolder, writeSettings, type NodeFolder } from '../support/real-node.ts'
import {
  hexOf,
  imageDigests,
  makeCommitment,
  makeOperator,
  makeRebuild,
  makeRelease,
  makeWithdrawal,
  sign,
  TEST_IMAGE,
  type TestOperator,
} from '../support/statements.ts'
import { openStore } from '../support/temporary-store.ts'

const NOW = unixSeconds(systemClock)
const HOUR = 3600
const claims = { issued: NOW - HOUR, expires: NOW + 90 * 24 * HOUR }
const [maintainer, ada, bob, carol] = ['maintainer', 'ada', 'bob', 'carol'].map((name) =>
  makeOperator(name, claims),
) as [TestOperator, TestOperator, TestOperator, TestOperator]

const release = makeRelease({ operator: maintainer, announced: NOW - HOUR })
const vote = (operator: TestOperator, digest = 'good') =>
  makeRebuild({ operator, release, digest, maps: 'good' })
const question = {
  repository: TEST_IMAGE,
  digest: imageDigests('good').manifestDigest,
  platform: 'linux/amd64',
}

interface Said {
  readonly by: TestOperator
  /** Logged, in this order; the card comes first. */
  readonly said: readonly CreatedStatement[]
  /** Of those, what the bundle leaves out. */
  readonly hidden?: readonly CreatedStatement[]
  readonly unlogged?: readonly CreatedStatement[]
  readonly headAge?: number
}

function bundleOf(all: readonly Said[], proofs: readonly Uint8Array[] = []): Uint8Array {
  return encodeBundle({
    questions: [question],
    statements: all.flatMap(({ by, said, hidden = [], unlogged = [] }) =>
      [by.card, ...said.filter((each) => !hidden.includes(each)), ...unlogged].map(
        ({ bytes }) => bytes,
      ),
    ),
    logs: all.map(({ by, said, headAge = 60 }) => {
      const log = new TestLog(by).add(by.card, ...said)
      return { head: log.head(NOW - headAge).bytes, slots: log.slots() }
    }),
    proofs,
  })
}

const announced: Said = { by: maintainer, said: [release] }
const honest = [announced, { by: ada, said: [vote(ada)] }, { by: bob, said: [vote(bob)] }]

/** A new data folder that trusts ada, bob and carol. */
async function makeFolder(rules: readonly string[] = []): Promise<NodeFolder> {
  const folder = await makeNodeFolder('user')
  const settings = [maintainer, ada, bob, carol].map((operator) => ({ ...folder, operator }))
  const [announcer, ...trusted] = settings.map((each) => ({ ...each, name: each.operator.name }))
  await writeSettings(folder, announcer!, trusted, rules)
  return folder
}

async function run(folder: NodeFolder, ...args: string[]) {
  let [stdout, stderr] = ['', '']
  const exitCode = await runProgram([...args, '--data', folder.root], {
    stdout: { write: (more: string) => (stdout += more) },
    stderr: { write: (more: string) => (stderr += more) } as never,
    stdin: process.stdin,
    environment: {},
    onStop: () => () => undefined,
  })
  return { exitCode, stdout, stderr }
}

/** The same answer from the file alone, and from a store that has taken it in. */
async function answers(folder: NodeFolder, bundle: Uint8Array) {
  const file = join(folder.root, 'app.bundle')
  await writeFile(file, bundle)
  const alone = await run(folder, 'verify', '--bundle', file, '--json')
  const imported = await run(folder, 'import', file)
  expect(imported).toMatchObject({ exitCode: 0, stderr: '' })
  const stored = await run(folder, 'verify', GOOD, '--platform', 'linux/amd64', '--json')
  const [a, b] = [alone, stored].map(({ stdout }) => JSON.parse(stdout) as Record<string, unknown>)
  for (const field of ['verdict', 'decision', 'freshness', 'flags', 'silent', 'retracted']) {
    expect(b![field], field).toEqual(a![field])
  }
  expect(stored.exitCode).toBe(alone.exitCode)
  return { exitCode: alone.exitCode, answer: a! }
}

describe('a bundle', () => {
  it('allows, from the file alone and once it is taken in', async () => {
    const { exitCode, answer } = await answers(await makeFolder(), bundleOf(honest))
    expect(answer).toMatchObject({ verdict: 'reproduced', decision: 'allow', freshness: 'fresh' })
    expect(exitCode).toBe(0)
  })

  it('that is old is stale, by its heads', async () => {
    const old = honest.map((each) => ({ ...each, headAge: 49 * HOUR }))
    const { exitCode, answer } = await answers(await makeFolder(), bundleOf(old))
    expect(answer).toMatchObject({ decision: 'undecided', freshness: 'stale', flags: ['stale'] })
    expect(exitCode).toBe(3)
  })

  it('cannot hide dissent: whose log names what is not there is silent', async () => {
    const dissent = vote(carol, 'bad')
    const all = [...honest, { by: carol, said: [dissent], hidden: [dissent] }]
    const folder = await makeFolder(['max_silent = 0'])
    const { answer } = await answers(folder, bundleOf(all))
    expect(answer).toMatchObject({ decision: 'undecided', silent: [carol.id], flags: ['stale'] })
    const { stdout } = await run(folder, 'explain', GOOD, '--platform', 'linux/amd64')
    expect(stdout).toContain('1 statement missing')
    const shown = [...honest, { by: carol, said: [dissent] }]
    expect((await answers(folder, bundleOf(shown))).answer).toMatchObject({ decision: 'deny' })
  })

  it('does not make count what is in no log, and says so', async () => {
    const [, , said] = honest
    const all = [...honest.slice(0, 2), { ...said!, said: [], unlogged: [vote(bob)] }]
    const folder = await makeFolder()
    const { answer } = await answers(folder, bundleOf(all))
    expect(answer).toMatchObject({
      verdict: 'pending',
      have: 1,
      unlogged: [vote(bob).statement.sid],
    })
    expect((answer.why as string[]).includes('unlogged')).toBe(true)
    const { stdout } = await run(folder, 'explain', GOOD, '--platform', 'linux/amd64')
    expect(stdout).toContain('Not in a log yet')
  })

  it('of which one byte was changed is refused, or counts for nothing', async () => {
    const folder = await makeFolder()
    const bundle = bundleOf(honest)
    const file = join(folder.root, 'bent.bundle')
    for (let at = 200; at < bundle.length; at += 997) {
      const bent = bundle.slice()
      bent[at]! ^= 4
      await writeFile(file, bent)
      const { exitCode } = await run(folder, 'verify', '--bundle', file, '--json')
      expect(exitCode, `byte ${at}`).not.toBe(0)
    }
  })

  it('holds what export writes of what was taken in', async () => {
    const folder = await makeFolder()
    const bundle = bundleOf(honest)
    await answers(folder, bundle)
    const file = join(folder.root, 'again.bundle')
    const ran = await run(folder, 'export', GOOD, '--platform', 'linux/amd64', '-o', file)
    expect(ran.exitCode).toBe(0)
    expect(parseBundle(await readFile(file))).toEqual(parseBundle(Buffer.from(bundle)))
  })

  it('that is none is named in one line', async () => {
    const folder = await makeFolder()
    const file = join(folder.root, 'text')
    await writeFile(file, 'hello')
    const { exitCode, stderr } = await run(folder, 'import', file)
    expect(exitCode).toBe(2)
    expect(stderr).toBe('rebuildnet: not a file that "rebuildnet export" wrote\n')
  })
})

describe('a clock that is wrong', () => {
  it('allows nothing while it is behind what was written down, and says by how much', async () => {
    const folder = await makeFolder()
    await answers(folder, bundleOf(honest))
    const store = await openStore(join(folder.root, 'store'))
    await store.meta.put('time', NOW + 7 * HOUR)
    await store.close()
    const ran = await run(folder, 'verify', GOOD, '--platform', 'linux/amd64', '--json')
    const answer = JSON.parse(ran.stdout) as { flags: string[]; asOf: number }
    expect(ran.exitCode).toBe(3)
    expect(answer.flags).toEqual(['clock-suspect'])
    expect(answer.asOf).toBeGreaterThanOrEqual(NOW + 7 * HOUR)
    expect((await run(folder, 'status')).stdout).toMatch(/clock +behind by (7h|6h 59m)/)
  })

  it('is noticed also where no node ever ran: a command writes down when it was', async () => {
    const folder = await makeFolder()
    await answers(folder, bundleOf(honest))
    const store = await openStore(join(folder.root, 'store'))
    expect(await store.meta.get('time')).toBeGreaterThanOrEqual(NOW)
    await store.close()
  })

  it('allows nothing while two trusted operators are ahead of it, and one alone does nothing', async () => {
    const ahead = (...who: TestOperator[]): Uint8Array =>
      bundleOf(honest.map((each) => ({ ...each, headAge: who.includes(each.by) ? -HOUR : 60 })))
    const folder = await makeFolder(['max_silent = 3'])
    await answers(folder, bundleOf(honest))
    const file = join(folder.root, 'ahead.bundle')
    const flagsAfter = async (bundle: Uint8Array): Promise<unknown> => {
      await writeFile(file, bundle)
      const ran = await run(folder, 'verify', '--bundle', file, '--json')
      return (JSON.parse(ran.stdout) as { flags: unknown }).flags
    }
    expect(await flagsAfter(ahead(ada))).toEqual([])
    expect(await flagsAfter(ahead(ada, bob))).toEqual(['clock-suspect'])
  })
})

describe('what is taken back', () => {
  it('by a withdrawal in the log no longer dissents, and is shown', async () => {
    const dissent = vote(carol, 'bad')
    const withdrawal = makeWithdrawal({ operator: carol, withdraws: dissent })
    const folder = await makeFolder()
    const before = [...honest, { by: carol, said: [dissent] }]
    expect((await answers(folder, bundleOf(before))).answer).toMatchObject({ verdict: 'diverged' })
    const after = [...honest, { by: carol, said: [dissent, withdrawal], headAge: 30 }]
    const { answer } = await answers(folder, bundleOf(after))
    expect(answer).toMatchObject({ decision: 'allow', retracted: [dissent.statement.sid] })
    const { stdout } = await run(folder, 'explain', GOOD, '--platform', 'linux/amd64')
    expect(stdout).toContain('taken back')
  })

  it('by a withdrawal that is in no log still dissents', async () => {
    const dissent = vote(carol, 'bad')
    const withdrawal = makeWithdrawal({ operator: carol, withdraws: dissent })
    const all = [...honest, { by: carol, said: [dissent], unlogged: [withdrawal] }]
    const { answer } = await answers(await makeFolder(), bundleOf(all))
    expect(answer).toMatchObject({ verdict: 'diverged', decision: 'deny', retracted: [] })
  })

  it('by a newer result is replaced by it', async () => {
    const dissent = vote(carol, 'bad')
    const better = makeRebuild({
      operator: carol,
      release,
      supersedes: [dissent.statement.sid],
    })
    const all = [...honest, { by: carol, said: [dissent, better] }]
    const { answer } = await answers(await makeFolder(), bundleOf(all))
    expect(answer).toMatchObject({ decision: 'allow', have: 3, retracted: [dissent.statement.sid] })
  })

  it('by its announcer is denied', async () => {
    const withdrawal = makeWithdrawal({ operator: maintainer, withdraws: release })
    const all = [{ by: maintainer, said: [release, withdrawal] }, ...honest.slice(1)]
    const { answer } = await answers(await makeFolder(), bundleOf(all))
    expect(answer).toMatchObject({ decision: 'deny', flags: ['withdrawn'] })
  })
})

describe('a policy that asks for blind votes', () => {
  /** Ada and Bob commit and open; the publishing release lists their logs as far as `listed` says. */
  function blindVotes(listed: readonly TestOperator[]): readonly Said[] {
    const first = makeRelease({
      operator: maintainer,
      published: undefined,
      announced: NOW - HOUR,
    })
    const promises = [ada, bob].map((by) => {
      const result = makeRebuild({ operator: by, release: first })
      const salt = hexOf(`salt of ${by.name}`)
      return { by, salt, result, commitment: makeCommitment(result, { operator: by, salt }) }
    })
    const logs = promises
      .map(({ by, commitment }) => {
        const log = new TestLog(by).add(by.card)
        if (listed.includes(by)) log.add(commitment)
        return { origin: log.origin.text, size: log.tree.size, root: log.tree.root() }
      })
      .sort((a, b) => (a.origin < b.origin ? -1 : 1))
    const out = makeRelease({
      operator: maintainer,
      announced: NOW - HOUR,
      publishes: first.statement.sid,
      logs,
    })
    const votes = promises.map(({ by, salt, result, commitment }) => {
      const after = promises.flatMap((each) =>
        each.by === by ? [] : [each.commitment.statement.sid],
      )
      const reveals = { commitment: commitment.statement.sid, salt }
      const opened = sign({ ...result.statement.body, reveals, after }, by)
      const { sid } = opened.statement
      const complete = makeRebuild({ operator: by, release: out, completes: sid })
      return { by, said: [commitment, opened, complete] }
    })
    return [{ by: maintainer, said: [first, out] }, ...votes]
  }

  it('allows where enough are, and says so of each', async () => {
    const folder = await makeFolder(['min_blind = 2'])
    const { answer } = await answers(folder, bundleOf(blindVotes([ada, bob])))
    expect(answer).toMatchObject({ verdict: 'reproduced', decision: 'allow' })
    const { stdout } = await run(folder, 'explain', GOOD, '--platform', 'linux/amd64')
    expect(stdout).toMatch(/ada .*, blind$/m)
    expect(stdout).toMatch(/bob .*, blind$/m)
  })

  it('does not where one may have known the answer, and says why', async () => {
    const folder = await makeFolder(['min_blind = 2'])
    const { answer } = await answers(folder, bundleOf(blindVotes([ada])))
    expect(answer).toMatchObject({ verdict: 'reproduced', decision: 'undecided' })
    const { stdout } = await run(folder, 'explain', GOOD, '--platform', 'linux/amd64')
    expect(stdout).toMatch(/bob .*, not blind: its commitment is not shown to be from before/)
  })
})

describe('a proof that an operator told two histories', () => {
  const [some, others] = ['a', 'b'].map((name) => new TestLog(ada).add(ada.card, name))
  const proof = proveFork(some!.head(NOW - 60), others!.head(NOW - 60), nodeCrypto)

  async function makeChecker(): Promise<{ readonly folder: NodeFolder; readonly file: string }> {
    const folder = await makeNodeFolder('checker')
    const file = join(folder.root, 'ada.proof')
    await writeFile(file, proof.bytes)
    return { folder, file }
  }

  it('is checked by verify --proof: 0 where it proves it, 1 where it does not', async () => {
    const { folder, file } = await makeChecker()
    const proven = await run(folder, 'verify', '--proof', file)
    expect(proven).toMatchObject({ exitCode: 0, stderr: '' })
    expect(proven.stdout).toContain(ada.key.publicKey)
    const json = await run(folder, 'verify', '--proof', file, '--json')
    expect(JSON.parse(json.stdout)).toMatchObject({ proven: true, kind: 'fork', operator: ada.id })
    const bent = join(folder.root, 'bent.proof')
    for (let at = 0; at < proof.bytes.length; at += 61) {
      const bytes = proof.bytes.slice()
      bytes[at]! ^= 1
      await writeFile(bent, bytes)
      expect((await run(folder, 'verify', '--proof', bent)).exitCode, `byte ${at}`).toBe(1)
    }
    expect((await run(folder, 'verify', '--proof', join(folder.root, 'none'))).exitCode).toBe(2)
  })

  it('about the own operator is told to it, with what to do', async () => {
    const folder = await makeNodeFolder('forked')
    const [some, others] = ['a', 'b'].map((name) =>
      new TestLog(folder.operator).add(folder.operator.card, name).head(NOW),
    )
    const file = join(folder.root, 'own.proof')
    await writeFile(file, proveFork(some!, others!, nodeCrypto).bytes)
    expect((await run(folder, 'import', file)).exitCode).toBe(0)
    for (const command of [['status'], ['operator', 'show']]) {
      expect((await run(folder, ...command)).stdout).toMatch(
        /nobody counts what it signs any more.*rebuildnet init/,
      )
    }
    const status = await run(folder, 'status', '--json')
    expect(JSON.parse(status.stdout)).toMatchObject({ cardTrouble: 'two-histories' })
  })

  it('that is taken in ends an allow, is shown and alerted, and can be handed on', async () => {
    const { file } = await makeChecker()
    const user = await makeFolder()
    const { answer } = await answers(user, bundleOf(honest))
    expect(answer.decision).toBe('allow')
    expect((await run(user, 'import', file)).exitCode).toBe(0)
    const after = await run(user, 'verify', GOOD, '--platform', 'linux/amd64', '--json')
    const now = JSON.parse(after.stdout) as { decision: string; flags: string[] }
    expect(now.decision).toBe('undecided')
    expect(now.flags).toContain('equivocation')
    const words = 'told two histories'
    expect((await run(user, 'explain', GOOD, '--platform', 'linux/amd64')).stdout).toContain(words)
    expect((await run(user, 'status')).stdout).toContain(words)
    expect((await run(user, 'trust', 'ls')).stdout).toContain(words)
    const listed = JSON.parse((await run(user, 'trust', 'ls', '--json')).stdout) as unknown[]
    expect(listed).toContainEqual(expect.objectContaining({ id: ada.id, trouble: 'two-histories' }))
    const alerts = await run(user, 'alerts', 'ls', '--open', '--json')
    expect(JSON.parse(alerts.stdout)).toMatchObject([
      { kind: 'equivocation', severity: 'critical', operator: ada.id, image: null },
    ])
    const handed = join(user.root, 'handed.proof')
    expect((await run(user, 'export', '--proof', 'ada', '-o', handed)).exitCode).toBe(0)
    expect(new Uint8Array(await readFile(handed))).toEqual(new Uint8Array(proof.bytes))
    expect((await run(user, 'export', '--proof', 'bob', '-o', handed)).exitCode).toBe(1)
    // Who is not trusted any more is nobody's alarm.
    const service = await openOfflineService(user.root)
    await service.service.untrust(ada.id)
    await service.close()
    expect((await run(user, 'alerts', 'ls', '--open')).exitCode).toBe(0)
  })

  it('about whoever nobody asks of is not kept', async () => {
    const { folder, file } = await makeChecker()
    const { exitCode, stdout } = await run(folder, 'import', file)
    expect(stdout).toContain('0 proofs')
    expect(exitCode).toBe(0)
  })
})
