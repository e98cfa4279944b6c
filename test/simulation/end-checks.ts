/** What must hold two rounds after a network has healed: all have the same, and all know each fork. */
import type { OperatorId } from '../../protocol/identifiers.ts'
import type { Head } from '../../protocol/log/head.ts'
import type { NodeChecks } from './node-checks.ts'
import type { SimNode } from './sim-node.ts'
import { manifestOf, TRUE_IMAGES } from './statement-pool.ts'
import { Violation } from './violation.ts'
import { INTERVAL, SKEW, type World } from './world.ts'

export function checkEnd(
  world: World,
  nodes: readonly SimNode[],
  checks: ReadonlyMap<SimNode, NodeChecks>,
): void {
  for (const node of nodes) checks.get(node)?.check(true)
  checkForks(world, nodes)
  checkSame(world, nodes)
  checkAnswers(world, nodes)
}

/** Two nodes that keep what cannot both be true, or one that knows: then all know. */
function checkForks({ ledger }: World, nodes: readonly SimNode[]): void {
  const found = new Map<OperatorId, string>()
  for (const { name, book } of nodes) {
    for (const { operator, words } of book.proofs()) found.set(operator, `${name}: ${words}`)
  }
  const kept = nodes.flatMap(({ book }) => book.heads())
  for (const a of kept) {
    for (const b of kept) {
      if (a.origin.text !== b.origin.text || a === b) continue
      if (!ledger.agree(a, b)) found.set(a.origin.operator, `two histories of ${a.origin.text}`)
    }
  }
  for (const [operator, why] of found) {
    // Whoever has no card of the operator cannot know whose key it is, and counts nothing of it.
    const unaware = nodes.find(
      ({ book, cards }) =>
        [...cards.values()].some(({ body }) => body.operator === operator) &&
        book.proofs().every((proof) => proof.operator !== operator),
    )
    if (unaware !== undefined) {
      throw new Violation(
        'a fork is known to all after two rounds',
        `${unaware.name} does not know of ${operator}, ${why}`,
      )
    }
  }
}

function checkSame(world: World, nodes: readonly SimNode[]): void {
  const [first, ...others] = nodes
  if (first === undefined) return
  const forged = new Set(first.book.proofs().map(({ operator }) => operator))
  // Heads that were dated ahead of some clock when the rounds began: they may have been held since.
  const settled = world.queue.now - 2 * INTERVAL
  const ahead = new Set(
    nodes
      .flatMap(({ book }) => [...book.held(), ...book.heads()])
      .filter(({ time }) => time > settled + SKEW - 120)
      .map(({ origin }) => origin.operator),
  )
  // Where the disks of all who had it have lost a card, nobody can give it to who never took the log.
  const carded = new Set(
    nodes.flatMap(({ cards }) => [...cards.values()].flatMap(({ body }) => body.keys)),
  )
  const isSettled = ({ origin }: Head): boolean =>
    !forged.has(origin.operator) && !ahead.has(origin.operator) && carded.has(origin.key)
  const rows = (node: SimNode): string[] =>
    node.book
      .heads()
      .filter(isSettled)
      .map(({ origin, size, root, time }) => `${origin.text} ${size} ${root} ${time}`)
      .sort()
  const bodies = (node: SimNode): string[] =>
    node.book
      .heads()
      .filter(isSettled)
      .flatMap(({ origin, size }) => {
        const leaves = world.ledger.leavesOf(node.book.head(origin.text) as Head) ?? []
        return leaves.slice(0, size)
      })
      .filter((leaf) => leaf.startsWith('01') && world.tags.has(leaf.slice(66)))
      .map((leaf) => leaf.slice(2, 66))
  const law = 'after two intervals all have the same'
  const expected = rows(first)
  for (const other of others) {
    const own = rows(other)
    const different = [...expected, ...own].find(
      (row) => !expected.includes(row) || !own.includes(row),
    )
    if (different !== undefined) {
      throw new Violation(law, `${first.name} and ${other.name} differ in ${different}`)
    }
  }
  for (const node of nodes) {
    // What nobody gave to any of them, none can have.
    const missing = bodies(node).find(
      (sid) => !node.statements.has(sid) && nodes.some(({ statements }) => statements.has(sid)),
    )
    if (missing !== undefined) throw new Violation(law, `${node.name} lacks ${missing}`)
  }
}

function checkAnswers({ plan, ledger, queue }: World, nodes: readonly SimNode[]): void {
  if (ledger.forgers.size > 0 || plan.clockJumps) return
  const answers = nodes.map((node) =>
    Object.values(TRUE_IMAGES).map((image) => {
      const now = Math.floor(queue.now) + 60
      const answer = node.answer(manifestOf(image), node.view(now), now)
      const { decision, level, flags, supporters, dissenters, silent, retracted } = answer
      return JSON.stringify([decision, level, flags, supporters, dissenters, silent, retracted])
    }),
  )
  for (const [i, answer] of answers.entries()) {
    if (answer.join() === answers[0]?.join()) continue
    throw new Violation(
      'the same evidence gives the same answer',
      `${nodes[i]?.name ?? ''} says ${answer.join()} and ${nodes[0]?.name ?? ''} ${answers[0]?.join() ?? ''}`,
    )
  }
  if (plan.liars.length > 0 || plan.peers.length > 0) return
  const [first] = nodes
  const good = manifestOf('good')
  const released = [...(first?.statements.values() ?? [])].some(
    ({ statement: { body } }) =>
      body.kind === 'release' &&
      body.platforms.some(({ manifestDigest }) => manifestDigest === good),
  )
  const answer = first?.answer(good, first.view())
  if (released && answer?.decision !== 'allow') {
    throw new Violation('what all agree on is allowed', answer?.reasons.join(' ') ?? '')
  }
}
