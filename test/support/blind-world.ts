/**
 * A blind release over real logs: who committed to what, opened it when, and how far the announcer
 * had seen the logs when it published. What is said is said in the order of the calls.
 */
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import type { Commitment } from '../../protocol/blind/commitment.ts'
import type { ListedLog } from '../../protocol/blind/listed-logs.ts'
import type { CreatedStatement } from '../../protocol/create-statement.ts'
import { createLogView } from '../../protocol/log/log-view.ts'
import { parsePolicy } from '../../protocol/policy.ts'
import type { Rebuild } from '../../protocol/rebuild.ts'
import type { Release } from '../../protocol/release.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import type { Answer, Voice } from '../../protocol/verdict/answer.ts'
import { decide } from '../../protocol/verdict/decide.ts'
import { makeBook, show, TestLog } from './logs.ts'
import {
  hexOf,
  imageDigests,
  makeCommitment,
  makeOperator,
  makeRebuild,
  makeRelease,
  sign,
  TEST_IMAGE,
  TEST_PROFILE,
  TEST_TIME,
  type RebuildFields,
  type TestOperator,
} from './statements.ts'
import { makeProject } from './verdict-cases.ts'

const announcer = makeOperator('announcer')

export interface BlindCommitment {
  readonly by: TestOperator
  readonly salt: string
  readonly vote: CreatedStatement<Rebuild>
  readonly statement: CreatedStatement<Commitment>
}

export class BlindWorld {
  readonly release = makeRelease({ published: undefined })
  readonly #logs = new Map<TestOperator, TestLog>()
  readonly #said: SignedStatement[] = []
  #announcers: readonly TestOperator[] = [announcer]

  constructor() {
    this.say(announcer, this.release)
  }

  /** Whom the project file names beside the usual announcer. */
  announcedBy(...operators: readonly TestOperator[]): this {
    this.#announcers = [announcer, ...operators]
    return this
  }

  say<S extends CreatedStatement>(by: TestOperator, statement: S): S {
    const log = this.#logs.get(by) ?? new TestLog(by).add(by.card)
    if (!this.#logs.has(by)) this.#said.push(by.card.statement)
    this.#logs.set(by, log.add(statement))
    this.#said.push(statement.statement)
    return statement
  }

  /** Commits itself to a result of the blind release. */
  commit(by: TestOperator, fields: RebuildFields & { salt?: string } = {}): BlindCommitment {
    const { salt = hexOf(`salt of ${by.name}`), ...vote } = fields
    const rebuild = makeRebuild({ release: this.release, operator: by, ...vote })
    const statement = this.say(by, makeCommitment(rebuild, { operator: by, salt }))
    return { by, salt, vote: rebuild, statement }
  }

  /** Opens it, after `others`. */
  open(
    { by, salt, vote, statement }: BlindCommitment,
    others: readonly BlindCommitment[] = [],
    changes: Partial<Rebuild> = {},
  ): CreatedStatement<Rebuild> {
    const after = others.map((each) => each.statement.statement.sid)
    const body: Rebuild = {
      ...vote.statement.body,
      reveals: { commitment: statement.statement.sid, salt },
      ...(after.length === 0 ? {} : { after }),
      ...changes,
    }
    return this.say(by, sign(body, by))
  }

  /** How far the logs of these are now. */
  logsOf(...operators: readonly TestOperator[]): readonly ListedLog[] {
    return operators
      .map((operator) => {
        const { origin, tree } = this.#logs.get(operator) ?? new TestLog(operator)
        return { origin: origin.text, size: tree.size, root: tree.root() }
      })
      .sort((a, b) => (a.origin < b.origin ? -1 : 1))
  }

  publish(logs: readonly ListedLog[], fields: Partial<Release> = {}): CreatedStatement<Release> {
    const listed = logs.length === 0 ? {} : { logs }
    return this.say(
      announcer,
      makeRelease({ publishes: this.release.statement.sid, ...listed, ...fields }),
    )
  }

  /** Says of the published image that it is the same, beside its blind vote where it has one. */
  complete(
    by: TestOperator,
    release: CreatedStatement<Release>,
    completes?: CreatedStatement<Rebuild>,
  ): CreatedStatement<Rebuild> {
    const names = completes === undefined ? {} : { completes: completes.statement.sid }
    return this.say(by, makeRebuild({ operator: by, release, ...names }))
  }

  ask(trusted: readonly TestOperator[], minBlind = 0): Answer {
    const now = TEST_TIME + 600
    const book = makeBook()
    for (const log of this.#logs.values()) show(book, log, TEST_TIME + 300)
    for (const statement of this.#said) book.bodyArrived(statement, new Uint8Array())
    const policy = parsePolicy(
      {
        threshold: 2,
        min_blind: minBlind,
        operator: trusted.map(({ id }) => ({ id })),
      },
      nodeCrypto,
    )
    const cards = [...this.#logs.keys()].map(({ card }) => card.statement)
    return decide({
      question: {
        repository: TEST_IMAGE,
        digest: imageDigests('good').manifestDigest,
        platform: 'linux/amd64',
      },
      statements: this.#said,
      projects: [
        makeProject({
          image: TEST_IMAGE,
          source: this.release.statement.body.source.repository,
          announcers: this.#announcers.map(({ id }) => id),
          profile: TEST_PROFILE,
        }),
      ],
      policy,
      now,
      view: createLogView({ book, cards, operators: policy.operators, now, crypto: nodeCrypto }),
      crypto: nodeCrypto,
    })
  }

  /** The labels by name: of supporters, then of whoever else has a part. */
  labels(...trusted: readonly TestOperator[]): Readonly<Record<string, Voice['blind']>> {
    const { supporters, dissenters, unreproduced } = this.ask(trusted)
    const names = new Map(trusted.map(({ id, name }) => [id, name]))
    return Object.fromEntries<Voice['blind']>(
      [...unreproduced, ...dissenters, ...supporters].map(({ operator, blind }) => [
        names.get(operator) ?? operator,
        blind,
      ]),
    )
  }
}
