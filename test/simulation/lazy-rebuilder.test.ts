/**
 * T5 in seeds: honest rebuilders commit, open and complete in whatever order, the announcer publishes
 * by logs as it had seen them some time ago, and one who builds nothing does whatever might earn it
 * the label. The referee keeps the true order of all that was said, which no statement tells.
 */
import { expect, it } from 'vitest'
import type { CreatedStatement } from '../../protocol/create-statement.ts'
import type { ListedLog } from '../../protocol/blind/listed-logs.ts'
import type { Rebuild } from '../../protocol/rebuild.ts'
import type { Release } from '../../protocol/release.ts'
import { BlindWorld, type BlindCommitment } from '../support/blind-world.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import {
  hexOf,
  makeOperator,
  makeRebuild,
  sign,
  TEST_TIME,
  type TestOperator,
} from '../support/statements.ts'
import { ONLY_SEED, range, SEEDS } from './run-seeds.ts'

const COUNT = Math.max(200, SEEDS / 10)
const STEPS = 24
const HONEST = ['alice', 'bob', 'dave'].map((name) => makeOperator(name))
const LAZY = makeOperator('carol')
const ALL = [...HONEST, LAZY]

const TRICKS = ['commit', 'steal', 'open', 'open otherwise', 'complete', 'supersede'] as const

class Scene {
  readonly random: SeededRandom
  readonly world = new BlindWorld()
  /** Few, so that it comes close to the label now and then. */
  readonly #tricks: readonly (typeof TRICKS)[number][]
  readonly #commitments: BlindCommitment[] = []
  readonly #own = new Map<TestOperator, CreatedStatement<Rebuild>[]>()
  readonly #publications: CreatedStatement<Release>[] = []
  #seen: readonly ListedLog[] = []
  #step = 0
  /** When each committed itself first and last, and when it first said a result. */
  readonly #committed = new Map<TestOperator, number>()
  readonly #spoke = new Map<TestOperator, number>()
  /** To what each has committed itself. */
  readonly #promised = new Map<TestOperator, Set<string>>()
  #published = Infinity

  constructor(seed: number) {
    this.random = new SeededRandom(seed)
    const more = this.random.shuffle(TRICKS).slice(0, this.random.integer(3))
    this.#tricks = ['commit', 'open', ...more]
  }

  play(): void {
    const withLazy = this.random.chance(0.9)
    for (this.#step = 1; this.#step <= STEPS; this.#step++) {
      if (this.random.chance(0.5)) this.#seen = this.world.logsOf(...this.#inLogs())
      const actor = this.random.integer(withLazy ? 8 : 5)
      if (actor === 0) this.#publish()
      else if (actor < 5) this.#honest(this.random.pick(HONEST))
      else this.#lazy()
    }
  }

  /** Who had committed itself, to one thing, before anybody else had said one, or an image was there. */
  wasFirst(operator: TestOperator): boolean {
    const last = this.#committed.get(operator)
    if (last === undefined || last > this.#published) return false
    if (this.#promised.get(operator)?.size !== 1) return false
    return ALL.every((other) => other === operator || (this.#spoke.get(other) ?? Infinity) > last)
  }

  #inLogs(): TestOperator[] {
    return ALL.filter((each) => this.#committed.has(each) || this.#spoke.has(each))
  }

  #publish(): void {
    if (this.#publications.length === 2 || this.#committed.size === 0) return
    const announced = TEST_TIME + this.#step
    this.#publications.push(this.world.publish(this.#seen, { announced }))
    this.#published = Math.min(this.#published, this.#step)
  }

  #honest(by: TestOperator): void {
    const own = this.#commitments.find((each) => each.by === by)
    const results = this.#own.get(by) ?? []
    if (own === undefined) {
      // Who knows the answer does not commit to it.
      if (results.length > 0) return
      if (this.#published === Infinity && this.#spoke.size === 0) this.#commit(by, 'good')
      else if (this.#publications.length > 0) this.#complete(by)
    } else if (results.length === 0) {
      if (this.#committed.size < 2 && this.#published === Infinity) return
      this.#said(
        by,
        this.world.open(
          own,
          this.#commitments.filter((each) => each !== own),
        ),
      )
    } else if (results.length === 1 && this.#publications.length > 0) this.#complete(by, results[0])
  }

  /** One of all that it could try; what it knows it has from others, or guesses. */
  #lazy(): void {
    const { random } = this
    const knows = this.#published < Infinity || this.#spoke.size > 0
    const own = this.#commitments.filter(({ by }) => by === LAZY)
    const others = this.#commitments.filter(({ by }) => by !== LAZY)
    const results = this.#own.get(LAZY) ?? []
    if (results.length > 0 && random.chance(0.5)) return
    const names = random.shuffle(this.#commitments).slice(0, random.integer(4))
    const trick = random.pick(this.#tricks)
    if (trick === 'commit' && own.length > 0 && random.chance(0.7)) return
    if (trick === 'commit') this.#commit(LAZY, knows || random.chance(0.5) ? 'good' : 'a guess')
    else if (trick === 'steal' && others.length > 0) this.#steal(random.pick(others))
    else if (trick === 'open' && own.length > 0) {
      this.#said(LAZY, this.world.open(random.pick(own), names, this.#now()))
    } else if (trick === 'open otherwise' && own.length > 0 && knows) {
      const vote = makeRebuild({ release: this.world.release, operator: LAZY, ...this.#now() })
      this.#said(LAZY, this.world.open({ ...random.pick(own), vote }, names))
    } else if (trick === 'complete' && this.#publications.length > 0) {
      this.#complete(LAZY, random.chance(0.5) ? results.at(-1) : undefined)
    } else if (trick === 'supersede' && results.length > 0) {
      const supersedes = [random.pick(results).statement.sid]
      const release = random.pick([this.world.release, ...this.#publications])
      const vote = makeRebuild({ release, operator: LAZY, supersedes, ...this.#now() })
      this.#said(LAZY, this.world.say(LAZY, vote))
    }
  }

  #commit(by: TestOperator, digest: string): void {
    const salt = hexOf(`salt ${this.#step}`)
    this.#commitments.push(this.world.commit(by, { digest, salt, ...this.#now() }))
    this.#promise(by, digest)
  }

  #promise(by: TestOperator, digest: string): void {
    this.#committed.set(by, this.#step)
    this.#promised.set(by, (this.#promised.get(by) ?? new Set()).add(digest))
  }

  /** The hash of another, in a statement of its own. */
  #steal(victim: BlindCommitment): void {
    const body = { ...victim.statement.statement.body, committed: TEST_TIME + this.#step }
    const statement = this.world.say(LAZY, sign(body, LAZY))
    this.#commitments.push({ ...victim, by: LAZY, statement })
    this.#promise(LAZY, `whatever ${victim.by.name} has`)
  }

  #complete(by: TestOperator, completes?: CreatedStatement<Rebuild>): void {
    this.#said(by, this.world.complete(by, this.random.pick(this.#publications), completes))
  }

  #said(by: TestOperator, result: CreatedStatement<Rebuild>): void {
    const results = this.#own.get(by) ?? []
    this.#own.set(by, [...results, result])
    if (results.length === 0) this.#spoke.set(by, this.#step)
  }

  #now(): { finished: number } {
    return { finished: TEST_TIME + 120 + this.#step }
  }
}

it('calls nobody blind who could have known the answer (T5)', () => {
  const met = { honest: 0, lazy: 0, refused: 0, allowed: 0 }
  for (const seed of ONLY_SEED === undefined ? range(1, COUNT) : [ONLY_SEED]) {
    const scene = new Scene(seed)
    scene.play()
    const labels = scene.world.labels(...ALL)
    const first = ALL.filter((operator) => scene.wasFirst(operator))
    for (const operator of ALL) {
      const isBlind = labels[operator.name] === 'blind'
      if (isBlind) expect(first, `seed ${seed}: ${operator.name}`).toContain(operator)
      if (isBlind) met[operator === LAZY ? 'lazy' : 'honest']++
      else if (operator === LAZY && labels[operator.name] !== undefined) met.refused++
    }
    const { decision } = scene.world.ask(ALL, 2)
    if (decision !== 'allow') continue
    met.allowed++
    expect(first.length, `seed ${seed}`).toBeGreaterThanOrEqual(2)
  }
  // What never happens is not tested.
  if (ONLY_SEED === undefined) {
    for (const [name, count] of Object.entries(met))
      expect(count, name).toBeGreaterThan(COUNT / 100)
  }
})
