/** The verdict over real logs: signed statements, signed heads, and a book that follows them. */
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import type { CreatedStatement } from '../../../../protocol/create-statement.ts'
import type { LogBook } from '../../../../protocol/log/log-book.ts'
import { createLogView } from '../../../../protocol/log/log-view.ts'
import type { OperatorCard } from '../../../../protocol/operator-card.ts'
import { parsePolicy } from '../../../../protocol/policy.ts'
import type { SignedStatement } from '../../../../protocol/statement.ts'
import { decide } from '../../../../protocol/verdict/decide.ts'
import { makeBook, show, TestLog } from '../../../support/logs.ts'
import {
  imageDigests,
  makeOperator,
  makeRebuild,
  makeRelease,
  makeWithdrawal,
  TEST_IMAGE,
  TEST_PROFILE,
  TEST_TIME,
  type TestOperator,
} from '../../../support/statements.ts'
import { makeProject } from '../../../support/verdict-cases.ts'

const HOUR = 3600
const NOW = TEST_TIME + HOUR
const announcer = makeOperator('announcer')
const [a, b, c, d] = ['alice', 'bob', 'carol', 'dave'].map((name) => makeOperator(name)) as [
  TestOperator,
  TestOperator,
  TestOperator,
  TestOperator,
]
const release = makeRelease()
const vote = (operator: TestOperator, digest = 'good') => makeRebuild({ operator, release, digest })
const project = makeProject({
  image: TEST_IMAGE,
  source: release.statement.body.source.repository,
  announcers: [announcer.id],
  profile: TEST_PROFILE,
})

/** A network of which everything has arrived: who said what, each in a log of its own. */
class World {
  readonly book: LogBook = makeBook()
  readonly logs = new Map<TestOperator, TestLog>()
  readonly #statements: SignedStatement[] = []
  readonly #cards: SignedStatement<OperatorCard>[] = []

  constructor(...operators: readonly TestOperator[]) {
    for (const operator of [announcer, ...operators]) {
      this.logs.set(operator, new TestLog(operator))
      this.#cards.push(operator.card.statement)
      this.say(operator, operator.card)
    }
    this.say(announcer, release)
  }

  say(by: TestOperator, ...statements: readonly CreatedStatement[]): this {
    this.list(by, ...statements)
    for (const statement of statements) this.hear(statement)
    return this
  }

  list(by: TestOperator, ...statements: readonly CreatedStatement[]): this {
    this.logs.get(by)?.add(...statements)
    return this
  }

  hear({ statement }: CreatedStatement): this {
    this.#statements.push(statement)
    return this
  }

  /** Heads of all logs, or of those named, with their leaves. */
  show(time = TEST_TIME, ...only: readonly TestOperator[]): this {
    for (const [operator, log] of this.logs) {
      if (only.length === 0 || only.includes(operator)) show(this.book, log, time)
    }
    return this
  }

  ask(operators: readonly TestOperator[] = [a, b, c], now = NOW, rules = {}) {
    for (const { sid, key, body } of this.#statements) {
      this.book.bodyArrived({ sid, key, body }, new Uint8Array(0))
    }
    const policy = parsePolicy(
      { ...rules, operator: operators.map(({ id }) => ({ id })) },
      nodeCrypto,
    )
    return decide({
      question: {
        repository: TEST_IMAGE,
        digest: imageDigests('good').manifestDigest,
        platform: 'linux/amd64',
      },
      statements: this.#statements,
      projects: [project],
      policy,
      now,
      view: createLogView({
        book: this.book,
        cards: this.#cards,
        operators: policy.operators,
        now,
        crypto: nodeCrypto,
      }),
      crypto: nodeCrypto,
    })
  }
}

const agreeing = () => new World(a, b, c).say(a, vote(a)).say(b, vote(b))

describe('with logs', () => {
  it('two votes under fresh heads allow, and a third operator is absent', () => {
    expect(agreeing().show().ask()).toMatchObject({
      verdict: 'reproduced',
      decision: 'allow',
      freshness: 'fresh',
      absent: [c.id],
      silent: [],
      unlogged: [],
    })
  })

  it('a vote that is in no log yet is shown and not counted', () => {
    const world = new World(a, b, c).say(a, vote(a)).show().hear(vote(b))
    const { sid } = vote(b).statement
    expect(world.ask()).toMatchObject({ verdict: 'pending', have: 1, unlogged: [sid] })
    world.list(b, vote(b))
    world.show(TEST_TIME + 1, b)
    expect(world.ask()).toMatchObject({ verdict: 'reproduced', decision: 'allow', unlogged: [] })
  })

  it('heads age: nothing stays an allow (T9)', () => {
    const world = agreeing().show()
    const last = TEST_TIME + 48 * HOUR - 1
    expect(world.ask([a, b, c], last).decision).toBe('allow')
    expect(world.ask([a, b, c], last + 1)).toMatchObject({
      verdict: 'reproduced',
      decision: 'undecided',
      flags: ['stale'],
      silent: [a.id, b.id, c.id].sort(),
    })
    expect(world.ask([a, b, c], TEST_TIME + 25 * HOUR, { max_age: '24h' }).decision).toBe(
      'undecided',
    )
    world.show(last)
    expect(world.ask([a, b, c], last + 1).decision).toBe('allow')
  })

  it('one listed statement that is kept back makes its operator silent', () => {
    const world = agreeing().list(c, vote(c, 'bad')).list(b, vote(b, 'bad')).show()
    // c may be silent, but a supporter may not.
    expect(world.ask()).toMatchObject({
      verdict: 'reproduced',
      decision: 'undecided',
      silent: [b.id, c.id].sort(),
      flags: ['stale'],
    })
    world.hear(vote(c, 'bad'))
    expect(world.ask()).toMatchObject({ verdict: 'diverged', decision: 'deny' })
  })

  it('max_silent says how many may be', () => {
    const world = agreeing().list(c, vote(c, 'bad')).show()
    expect(world.ask()).toMatchObject({ decision: 'allow', silent: [c.id] })
    expect(world.ask([a, b, c], NOW, { max_silent: 0 })).toMatchObject({
      decision: 'undecided',
      flags: ['stale'],
    })
  })

  it('a withdrawal counts when it is logged, and hiding it takes the allow', () => {
    const dissent = vote(c, 'bad')
    const withdrawal = makeWithdrawal({
      operator: c,
      image: TEST_IMAGE,
      withdraws: dissent.statement.sid,
    })
    const world = agreeing().say(c, dissent).show().hear(withdrawal)
    expect(world.ask()).toMatchObject({ verdict: 'diverged', retracted: [] })
    world.list(c, withdrawal)
    world.show(TEST_TIME + 1, c)
    expect(world.ask()).toMatchObject({
      decision: 'allow',
      retracted: [dissent.statement.sid],
    })
  })

  it('a dissenter that forks its log still dissents, is named and is silent (T6)', () => {
    const world = agreeing().say(c, vote(c, 'bad')).show()
    expect(world.ask()).toMatchObject({ verdict: 'diverged', decision: 'deny' })
    const fork = new TestLog(c).add(c.card, vote(c))
    expect(world.book.offerHead(fork.head(), NOW).kind).toBe('equivocation')
    expect(world.hear(vote(c)).ask()).toMatchObject({
      verdict: 'diverged',
      decision: 'deny',
      flags: ['equivocation'],
      silent: [c.id],
    })
  })

  it('a supporter that forks its log supports nothing', () => {
    const world = agreeing().show()
    world.book.offerHead(new TestLog(b).add(b.card, vote(b, 'bad')).head(), NOW)
    expect(world.ask()).toMatchObject({
      verdict: 'pending',
      decision: 'undecided',
      have: 1,
      silent: [b.id],
    })
  })

  it('heads of two operators from the future make the clock suspect (T22)', () => {
    const world = agreeing().show()
    for (const operator of [c, d]) {
      const log = world.logs.get(operator) ?? new TestLog(operator).add(operator.card)
      expect(world.book.offerHead(log.head(NOW + 2 * HOUR), NOW).kind).toBe('held')
    }
    // One of them is not of the policy.
    expect(world.ask().decision).toBe('allow')
    const log = world.logs.get(b) ?? new TestLog(b)
    world.book.offerHead(log.head(NOW + 2 * HOUR), NOW)
    expect(world.ask()).toMatchObject({ decision: 'undecided', flags: ['clock-suspect'] })
    expect(world.ask([a, b, c], NOW + 2 * HOUR)).toMatchObject({ decision: 'allow' })
  })

  it('a release that its announcer has not logged is no candidate', () => {
    const world = new World(a, b, c).say(a, vote(a)).say(b, vote(b))
    const silentAnnouncer = new TestLog(announcer).add(announcer.card)
    show(world.book, silentAnnouncer)
    world.show(TEST_TIME, a, b, c)
    expect(world.ask()).toMatchObject({ verdict: 'pending', why: ['unlogged'] })
    expect(world.show(TEST_TIME + 1, announcer).ask().decision).toBe('allow')
  })
})
