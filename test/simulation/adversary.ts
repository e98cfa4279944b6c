/**
 * Who does not keep to the rules: operators that lie or fork their logs, and peers that serve what
 * they like to whom they like. All of them work together and know everything.
 *
 * They hold the keys of fewer than k operators. What the owner of a key shows to one half of the
 * network it need not show to the other: each hostile peer has two faces, and serves a node by one.
 */
import type { Sid } from '../../protocol/identifiers.ts'
import type { Head } from '../../protocol/log/head.ts'
import { CARD_TAG, packLeaf, projectTag, type Leaf } from '../../protocol/log/leaf.ts'
import { LogTree } from '../../protocol/log/log-tree.ts'
import { makeOrigin } from '../../protocol/log/origin.ts'
import type { Release } from '../../protocol/release.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import { hexOf, TEST_IMAGE, type TestOperator } from '../support/statements.ts'
import { simCrypto, simSigner } from './sim-crypto.ts'
import { SimNode } from './sim-node.ts'
import {
  EVIL_IMAGE,
  poolRebuild,
  poolRelease,
  poolWithdrawal,
  TRUE_IMAGES,
  type Made,
} from './statement-pool.ts'
import { FORKS, type ForkKind, type LiarRole, type World } from './world.ts'

const TAG = projectTag(TEST_IMAGE, simCrypto)
const OTHER_TAG = projectTag('registry.example/other', simCrypto)

/** What a liar has to say to others at one moment: to each half of them, or to all. */
export interface Utterance {
  readonly head: Head
  readonly statements: readonly Made[]
  readonly faces: readonly number[]
}

/** A liar with its log, or logs. */
export class Liar {
  readonly operator: TestOperator
  readonly role: LiarRole
  readonly #world: World
  readonly #isHypocrite: boolean
  /** By face. */
  readonly #trees = [new LogTree(simCrypto), new LogTree(simCrypto)]
  #n = 0
  #time = 0
  #acts = 0
  #lied = false
  #heard: readonly SignedStatement<Release>[] = []
  readonly #said = new Set<Sid>()
  #vote: Made | undefined

  constructor(world: World, operator: TestOperator, role: LiarRole) {
    this.#world = world
    this.operator = operator
    this.role = role
    this.#isHypocrite = (FORKS as readonly LiarRole[]).includes(role) && world.random.chance(0.6)
  }

  /** What it says next. `releases` are those that it may have heard of. */
  act(releases: readonly SignedStatement<Release>[]): Utterance[] {
    const { random } = this.#world
    this.#acts++
    if (this.role === 'mute' || (this.role === 'stale' && this.#acts > 2)) return []
    // Whoever has forked goes on with both, and says nothing more after any other forgery.
    if (this.#lied && this.role !== 'fork' && this.role !== 'rewrite') return []
    const statements: Made[] = []
    if (this.#acts === 1) statements.push(this.operator.card)
    if (this.#world.announcer.id === this.operator.id) statements.push(...this.#releases())
    this.#heard = releases
    for (const release of releases) statements.push(...this.#votes(release))
    const fresh = statements.filter(({ statement: { sid } }) => !this.#said.has(sid))
    for (const { statement } of fresh) this.#said.add(statement.sid)
    const isFork = (FORKS as readonly LiarRole[]).includes(this.role)
    if (isFork && this.#acts > 1 && !this.#lied && random.chance(0.7)) {
      this.#lied = true
      this.#world.ledger.forgers.add(this.operator.id)
      return this.#forge(this.role as ForkKind, fresh)
    }
    for (const made of fresh) this.#append([0, 1], leafOf(made))
    // Once it has forked, each face goes on by itself.
    return this.#isForked
      ? [0, 1].map((face) => this.#say([face], fresh))
      : [this.#say([0, 1], fresh)]
  }

  get #isForked(): boolean {
    return this.#trees[0]?.root() !== this.#trees[1]?.root()
  }

  #forge(kind: ForkKind, fresh: readonly Made[]): Utterance[] {
    const { random } = this.#world
    const secret = (word: string): Leaf => ({
      kind: 'statement',
      sid: hexOf(`${this.operator.name} ${word} ${this.#acts}`),
      // Of another project: nobody waits for what it names.
      tag: OTHER_TAG,
    })
    for (const made of fresh) this.#append([0, 1], leafOf(made))
    switch (kind) {
      case 'fork':
        this.#append([0], secret('one'))
        this.#append([1], secret('another'))
        break
      case 'rewrite':
        this.#append([0], secret('one'))
        this.#append([1], secret('another'), secret('more'))
        break
      case 'misfiled': {
        const [release] = this.#heard
        if (release !== undefined && random.chance(0.5)) {
          // What somebody else said, as if it were its own.
          this.#append([0, 1], { kind: 'statement', sid: release.sid, tag: TAG })
          return [this.#say([0, 1], fresh)]
        }
        const other = poolWithdrawal(this.operator, hexOf(`nothing ${this.#acts}`))
        this.#append([0, 1], { kind: 'statement', sid: other.statement.sid, tag: OTHER_TAG })
        return [this.#say([0, 1], [...fresh, other])]
      }
      case 'shrink': {
        const larger = this.#say([0], fresh)
        const tree = this.#trees[1]
        if (tree !== undefined && tree.size > 0) tree.truncate(tree.size - 1)
        return [larger, this.#say([1], fresh)]
      }
      case 'after-seal': {
        const [closed] = this.#trees
        const old = this.#say([0, 1], fresh)
        const seal: Leaf = { kind: 'seal', size: closed?.size ?? 0, root: closed?.root() ?? '' }
        const late = this.#n
        this.#trees[1] = new LogTree(simCrypto, packLeaf(seal))
        this.#n = late + 1
        const next = this.#say([1], [])
        // The log that it has closed goes on for those who see its first face.
        this.#n = late
        this.#append([0], secret('late'))
        const after = this.#say([0], [])
        return [old, next, after]
      }
    }
    return [this.#say([0], fresh), this.#say([1], fresh)]
  }

  #append(faces: readonly number[], ...leaves: readonly Leaf[]): void {
    for (const face of faces) for (const leaf of leaves) this.#trees[face]?.append(packLeaf(leaf))
  }

  #say(faces: readonly number[], statements: readonly Made[]): Utterance {
    const { queue, ledger, plan, random } = this.#world
    const tree = this.#trees[faces[0] ?? 0] ?? this.#trees[0]
    if (tree === undefined) throw new Error('a liar without a face')
    // It may date its heads as it likes, as long as it does not contradict itself.
    const ahead = plan.clockJumps && random.chance(0.2) ? random.integer(7 * 24 * 3600) : 0
    this.#time = Math.max(this.#time + 1, Math.floor(queue.now) + ahead)
    const { id, key, card } = this.operator
    const head = this.#world.code.signHead(
      {
        origin: makeOrigin(id, key.publicKey, this.#n),
        size: tree.size,
        root: tree.root(),
        card: { version: 1, sid: card.statement.sid },
        time: this.#time,
      },
      simSigner(key.publicKey),
      simCrypto,
    )
    ledger.record(head, tree.slots())
    for (const face of faces) this.lastTrees.set(`${face} ${head.origin.text}`, tree.slots())
    return { head, statements, faces }
  }

  /** Face and origin -> leaves. */
  readonly lastTrees = new Map<string, Uint8Array>()

  #releases(): Made[] {
    const { random } = this.#world
    return [
      poolRelease(this.operator, { version: '1.0.0', published: 'good' }),
      ...(random.chance(0.7)
        ? [poolRelease(this.operator, { version: '1.0.0', published: EVIL_IMAGE })]
        : []),
      ...(random.chance(0.3)
        ? [poolRelease(this.operator, { version: '2.0.0', published: 'good' })]
        : []),
    ]
  }

  #votes(release: SignedStatement<Release>): Made[] {
    const truth = TRUE_IMAGES[release.body.version] ?? EVIL_IMAGE
    const lie = poolRebuild(this.operator, release, { digest: EVIL_IMAGE, maps: EVIL_IMAGE })
    // Who forks a log may have told the truth in it: it supports nothing any more.
    if (this.#isHypocrite)
      return [poolRebuild(this.operator, release, { digest: truth, maps: truth })]
    if (this.role !== 'retracting') return [lie]
    if (this.#vote === undefined) {
      this.#vote = lie
      return [lie]
    }
    const { random } = this.#world
    if (lie.statement.sid !== this.#vote.statement.sid || random.chance(0.5)) return []
    const says = { digest: truth, maps: truth, supersedes: lie.statement.sid }
    return random.chance(0.5)
      ? [poolRebuild(this.operator, release, says)]
      : [poolWithdrawal(this.operator, lie.statement.sid)]
  }
}

function leafOf({ statement: { sid, body } }: Made): Leaf {
  return { kind: 'statement', sid, tag: body.kind === 'operator' ? CARD_TAG : TAG }
}

/** A peer with two faces: what it has to show of logs by each. */
export class HostilePeer {
  readonly name: string
  readonly faces: readonly [SimNode, SimNode]

  constructor(name: string, place: number, world: World) {
    this.name = name
    this.faces = [new SimNode(`${name}/0`, place, world), new SimNode(`${name}/1`, place, world)]
  }

  faceFor(place: number): SimNode {
    return this.faces[place % 2 === 0 ? 0 : 1]
  }

  /** Takes over what an honest node has at this moment. */
  capture(node: SimNode): void {
    for (const face of this.faces) {
      for (const opened of node.statements.values()) face.take(opened)
      for (const head of node.book.heads()) {
        const slots = node.book.entries(head.origin.text, 0, head.size)
        learn(face, head, slots)
      }
    }
  }

  hear({ head, statements, faces }: Utterance, liar: Liar): void {
    for (const face of faces) {
      const node = this.faces[face === 0 ? 0 : 1]
      node.take(liar.operator.card)
      for (const made of statements) node.take(made)
      learn(node, head, liar.lastTrees.get(`${face} ${head.origin.text}`) ?? new Uint8Array())
    }
  }
}

function learn(node: SimNode, head: Head, slots: Uint8Array): void {
  const answer = node.book.offerHead(head, head.time)
  if (answer.kind === 'needs-leaves') {
    node.book.addLeaves(answer.from, slots.slice(answer.from * 49, head.size * 49), head)
  }
  node.commit()
}
