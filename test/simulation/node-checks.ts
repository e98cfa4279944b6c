/**
 * The laws that hold at every node after every step, checked against the ledger.
 *
 * The referee counts for itself, from the leaves that were really signed; of the code under test it
 * asks only what is to be judged. design.md section 5, security.md section 5.
 */
import type { BookView } from '../../protocol/log/log-view.ts'
import type { Answer } from '../../protocol/verdict/answer.ts'
import { TEST_IMAGE } from '../support/statements.ts'
import { splitSlots } from './ledger.ts'
import {
  indexVotes,
  isRelease,
  largestGroup,
  newestOf,
  Referee,
  type Evidence,
  type Shown,
  type VoteIndex,
} from './referee.ts'
import type { SimNode } from './sim-node.ts'
import { EVIL_IMAGE, manifestOf, TRUE_IMAGES } from './statement-pool.ts'
import { Violation } from './violation.ts'
import { DAY, MAX_AGE, SKEW, type World } from './world.ts'

const TRUE_DIGESTS = Object.values(TRUE_IMAGES).map(manifestOf)
const EVIL_DIGEST = manifestOf(EVIL_IMAGE)

export class NodeChecks {
  readonly #world: World
  readonly #node: SimNode
  /** Origin -> what was kept last. */
  #shown = new Map<string, Shown>()
  #changes = -1
  #decisions = ''
  #state = ''
  #times = ''
  #index: VoteIndex = { releases: [], ballots: [] }
  /** How often each decision was met. */
  readonly met = new Map<string, number>()

  constructor(world: World, node: SimNode) {
    this.#world = world
    this.#node = node
  }

  /** A crash may take back what was shown and not synced. */
  forget(): void {
    this.#shown.clear()
    this.#changes = -1
    this.#state = ''
    this.#times = ''
  }

  /**
   * With `always`, also where nothing but the time has changed. An answer depends on times by nothing
   * but who is fresh and which clocks are ahead: where these are as they were, and all else too, it
   * is asked again when the node next looks at its clock.
   */
  check(always: boolean): void {
    const node = this.#node
    if (!node.up || (!always && node.changes === this.#changes)) return
    this.#changes = node.changes
    const evidence = this.#logs()
    const view = node.view()
    // Between two of these only times have changed.
    const sizes = evidence.logs.map(({ head }) => head.size).join(' ')
    const state = `${node.statements.size} ${evidence.proven.size} ${sizes}`
    if (state !== this.#state) {
      this.#state = state
      this.#index = indexVotes(this.#world, node, evidence)
      this.#counting(view, evidence)
    }
    const referee = new Referee(this.#world, node, evidence, this.#index)
    this.#completeness(view, evidence)
    const times = `${state} ${referee.silent().join()} ${[...referee.ahead()].join()}`
    if (!always && times === this.#times) return
    this.#times = times
    const answers = this.#digests().map((digest) => node.answer(digest, view))
    answers.forEach((answer) => {
      this.#answer(answer, referee)
    })
    const decisions = answers.map(({ decision, verdict }) => `${verdict} ${decision}`).join(', ')
    if (decisions === this.#decisions) return
    this.#decisions = decisions
    for (const { decision, verdict } of answers) {
      const name = `${verdict} ${decision}`
      this.met.set(name, (this.met.get(name) ?? 0) + 1)
    }
    this.#world.note(`${node.name} says ${decisions}`)
    for (const answer of answers) this.#later(answer)
  }

  #logs(): Evidence {
    const { ledger, honestIds } = this.#world
    const node = this.#node
    const proven = new Set(node.book.proofs().map(({ operator }) => operator))
    for (const operator of proven) {
      if (honestIds.has(operator) || !ledger.forgers.has(operator)) {
        const { words } = node.book.proofs().find((each) => each.operator === operator) ?? {}
        throw new Violation(
          'an honest owner is never called a forger',
          `${node.name} says of ${operator}: ${words ?? ''}`,
        )
      }
    }
    const counted = new Set<string>()
    const logs = node.book.heads().map((head): Shown => {
      const { origin, size } = head
      const before = this.#shown.get(origin.text)
      if (before?.head === head) {
        for (const leaf of before.leaves) counted.add(`${origin.operator} ${leaf.slice(2, 66)}`)
        return before
      }
      const leaves = ledger.leavesOf(head)
      const kept = splitSlots(node.book.entries(origin.text, 0, size))
      if (
        leaves === undefined ||
        kept.length !== size ||
        leaves.some((leaf, i) => kept[i] !== leaf)
      ) {
        throw new Violation(
          'what is kept of a log is what its owner signed',
          `${node.name} keeps ${origin.text} at ${size}`,
        )
      }
      if (before !== undefined && !goesOn(before, { head, leaves })) {
        throw new Violation(
          'what was shown of a log is not taken back',
          `${node.name} keeps ${origin.text} at ${size} and ${head.time}, and had ${before.head.size} at ${before.head.time}`,
        )
      }
      for (const leaf of leaves) counted.add(`${origin.operator} ${leaf.slice(2, 66)}`)
      return { head, leaves }
    })
    if (
      [...this.#shown.keys()].some((text) => !logs.some(({ head }) => head.origin.text === text))
    ) {
      throw new Violation('what was shown of a log is not taken back', `${node.name} lost a log`)
    }
    this.#shown = new Map(logs.map((shown) => [shown.head.origin.text, shown]))
    return { logs, counted, proven }
  }

  /** What a release published, as far as one is here; nothing can be said of anything else. */
  #digests(): string[] {
    const published = new Set<string | undefined>()
    for (const { statement } of this.#node.statements.values()) {
      if (!isRelease(statement)) continue
      for (const { manifestDigest } of statement.body.platforms) published.add(manifestDigest)
    }
    return [...TRUE_DIGESTS, EVIL_DIGEST].filter((digest) => published.has(digest))
  }

  #counting(view: BookView, { counted }: Evidence): void {
    const { operators } = this.#world.policy
    for (const { statement } of this.#node.statements.values()) {
      const { sid, key } = statement
      const owner = this.#world.ownerOf(key)
      // By its owner, and by one who is not.
      const other = operators.find(({ id }) => id !== owner)?.id
      for (const id of [owner, other]) {
        if (id === undefined) continue
        const expected = id === owner && counted.has(`${id} ${sid}`)
        if (view.isCounted(sid, key, id) === expected) continue
        throw new Violation(
          'a vote counts exactly where it stands under a head that is here',
          `${this.#node.name}: ${statement.body.kind} ${sid} of ${id} should ${expected ? '' : 'not '}count`,
        )
      }
    }
  }

  #completeness(view: BookView, evidence: Evidence): void {
    const node = this.#node
    for (const id of this.#world.honestIds) {
      const upTo = view.completeUpTo(id, TEST_IMAGE)
      if (upTo === undefined) continue
      const newest = newestOf(id, evidence.logs)
      const missing = this.#world.ledger
        .saidBy(id)
        .find(({ sid, time }) => time < upTo && !node.statements.has(sid))
      if (missing !== undefined || newest?.head.time !== upTo) {
        throw new Violation(
          'complete means that nothing said before is missing',
          `${node.name} calls ${id} complete up to ${upTo}, lacks ${missing?.sid ?? 'nothing'}, and its head is of ${newest?.head.time ?? 0}`,
        )
      }
    }
  }

  #answer(answer: Answer, referee: Referee): void {
    const { policy, plan } = this.#world
    const { digest, decision, verdict } = answer
    const details = `${this.#node.name} says ${decision} (${verdict}) of ${digest}: ${answer.reasons.join(' ')}`
    if (verdict === 'contradicted' && decision === 'deny') return
    const cells = Object.keys(TRUE_IMAGES).map((version) => referee.voters(digest, version))
    const isAgreed = cells.some((voters) => {
      const against = voters.filter(
        ({ operator, built, mapped }) => this.#world.honestIds.has(operator) && built !== mapped,
      )
      return (
        largestGroup(against, 'built') >= plan.threshold &&
        largestGroup(against, 'mapped') >= plan.threshold
      )
    })
    if (isAgreed) {
      throw new Violation('a contradiction that honest operators agree on denies', details)
    }
    if (decision !== 'allow') return
    if (!TRUE_DIGESTS.includes(digest)) {
      throw new Violation('nobody is allowed what no source gives', details)
    }
    const fresh = cells.map((voters) =>
      voters.filter(({ operator, built, mapped }) => built === mapped && referee.isFresh(operator)),
    )
    if (fresh.every((voters) => largestGroup(voters, 'built') < plan.threshold)) {
      throw new Violation(
        'an allow has k operators of the policy that say so, complete and fresh',
        `${details} — by the referee only ${fresh
          .flat()
          .map(({ operator }) => operator)
          .join(', ')}`,
      )
    }
    const limit = Math.floor(policy.operators.length / 3)
    if (referee.silent().length > limit || referee.ahead().size >= 2) {
      throw new Violation(
        'too many silent operators, or a suspect clock, keep back an allow',
        details,
      )
    }
  }

  /** As time goes by, nothing stays allowed, and what is contradicted stays denied. */
  #later({ digest, decision, verdict }: Answer): void {
    const node = this.#node
    const at = (now: number): Answer => node.answer(digest, node.view(now), now)
    const isStill = decision === 'allow' && at(node.now + MAX_AGE + SKEW + 1).decision === 'allow'
    const wasLeft = verdict === 'contradicted' && at(node.now + 30 * DAY).decision !== 'deny'
    if (isStill || wasLeft) {
      throw new Violation(
        'time takes an allow away and leaves a denial',
        `${node.name} of ${digest}, which was ${verdict}`,
      )
    }
  }
}

function goesOn(before: Shown, { head, leaves }: Shown): boolean {
  if (head.size < before.head.size || head.time < before.head.time) return false
  return before.leaves.every((leaf, i) => leaves[i] === leaf)
}
