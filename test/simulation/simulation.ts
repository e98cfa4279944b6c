/**
 * One simulated history, as a seed has it: faults first, then a healing, and the laws after every step.
 */
import type { Head } from '../../protocol/log/head.ts'
import { encodeProof } from '../../protocol/log/proof-parts.ts'
import type { Release } from '../../protocol/release.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import { HostilePeer, Liar } from './adversary.ts'
import { checkEnd } from './end-checks.ts'
import { Faults } from './faults.ts'
import { broken } from './hostile-sync.ts'
import { NodeChecks } from './node-checks.ts'
import type { ProtocolCode } from './protocol-code.ts'
import { SimNetwork } from './sim-network.ts'
import { SimNode } from './sim-node.ts'
import { EVIL_IMAGE, manifestOf, poolRebuild, poolRelease, TRUE_IMAGES } from './statement-pool.ts'
import { HOUR, INTERVAL, World, type Scenario } from './world.ts'

const SYNC_PEERS = 3
/** Where much is lost, so many do. */
const FEW_PEERS = 2
const HEAD_INTERVAL = 6 * HOUR

export interface Outcome {
  readonly steps: number
  /** The same for the same seed and code. */
  readonly fingerprint: string
  /** How often what was met: decisions, proofs, crashes, and so on. */
  readonly met: ReadonlyMap<string, number>
  readonly trace: readonly string[]
}

export interface SimulationOptions {
  readonly code: ProtocolCode
  readonly seed: number
  readonly scenario?: Scenario
  /** Keeps what happened, for people. */
  readonly traced?: boolean
}

/** Throws Violation where a law does not hold. */
export function simulate({
  code,
  seed,
  scenario = 'any',
  traced = false,
}: SimulationOptions): Outcome {
  const world = new World(code, seed, scenario, traced)
  const simulation = new Simulation(world)
  try {
    return simulation.run()
  } catch (error) {
    if (error instanceof Error) Object.assign(error, { trace: world.trace })
    throw error
  }
}

class Simulation {
  readonly #world: World
  readonly #nodes: SimNode[]
  readonly #network: SimNetwork
  readonly #checks = new Map<SimNode, NodeChecks>()
  readonly #faults: Faults
  readonly #liars: Liar[]
  readonly #peers = new Map<string, HostilePeer>()
  readonly #dirty = new Set<SimNode>()
  readonly #voted = new Set<string>()
  readonly #met = new Map<string, number>()
  #settled = false
  #turn = 0

  constructor(world: World) {
    this.#world = world
    const { plan } = world
    const owners = plan.honest.map((owner, i) => new SimNode(`node ${i}`, i, world, owner))
    const readers = Array.from(
      { length: plan.readers },
      (_, i) => new SimNode(`reader ${i}`, owners.length + i, world),
    )
    this.#nodes = [...owners, ...readers]
    const peers = plan.peers.map((role, i) => {
      const peer = new HostilePeer(`peer ${i}`, i, world)
      this.#peers.set(peer.name, peer)
      return [peer.name, { peer, role }] as const
    })
    this.#network = new SimNetwork(world, this.#nodes, new Map(peers), (node) =>
      this.#dirty.add(node),
    )
    for (const node of this.#nodes) this.#checks.set(node, new NodeChecks(world, node))
    this.#faults = new Faults(
      { world, network: this.#network, peers: this.#peers, checks: this.#checks },
      {
        count: (name) => this.#count(name),
        begun: (node) => {
          this.#dirty.add(node)
          this.#at(60, `first ${node.name}`, () => this.#round(node))
        },
      },
    )
    this.#liars = plan.liars.map(({ operator, role }) => new Liar(world, operator, role))
  }

  run(): Outcome {
    const { plan, queue } = this.#world
    const start = queue.now
    const healing = start + plan.rounds * INTERVAL
    this.#begin()
    this.#faults.plan(healing)
    this.#planLiars(healing)
    this.#play(healing)
    this.#heal()
    this.#play(queue.now + INTERVAL)
    this.#settle()
    this.#playRounds()
    checkEnd(this.#world, this.#nodes, this.#checks)
    for (const { met } of this.#checks.values())
      for (const [name, count] of met) this.#count(name, count)
    for (const node of this.#nodes) this.#count('proofs', node.book.proofs().length)
    return {
      steps: queue.steps,
      fingerprint: this.#world.fingerprint,
      met: this.#met,
      trace: this.#world.trace ?? [],
    }
  }

  #play(end: number): void {
    const { queue } = this.#world
    for (let event = queue.next(end); event !== undefined; event = queue.next(end)) {
      this.#world.note(event.name)
      event.happen()
      this.#check(false)
    }
  }

  #check(always: boolean): void {
    for (const node of always ? this.#nodes : this.#dirty) {
      this.#checks.get(node)?.check(always)
      this.#faults.checkEclipse(node)
    }
    this.#dirty.clear()
  }

  #begin(): void {
    const { random, plan, announcer } = this.#world
    for (const node of this.#nodes) {
      node.clockError = random.integer(121) - 60
      if (node.operator !== undefined) node.publish(node.operator.card)
      if (node.operator === announcer) {
        const published = random.chance(0.3) ? EVIL_IMAGE : 'good'
        node.publish(poolRelease(announcer, { version: '1.0.0', published }))
        this.#count(`published ${published}`)
        if (random.chance(0.3)) {
          const second = poolRelease(announcer, { version: '2.0.0', published: 'better' })
          this.#at(random.next() * plan.rounds * INTERVAL, 'second release', () => {
            if (!node.up || this.#settled) return
            node.publish(second)
            this.#tellHead(node)
            this.#dirty.add(node)
          })
        }
      }
      this.#at(1 + random.integer(600), 'first', () => this.#round(node))
      this.#tick(node, INTERVAL * (0.1 + random.next()))
      this.#headTick(node, HEAD_INTERVAL * random.next())
    }
  }

  /** Asks some peers, again and again. */
  #tick(node: SimNode, after: number): void {
    this.#at(after, `tick ${node.name}`, () => {
      this.#tick(node, INTERVAL)
      if (!node.up || this.#faults.isOver) return
      node.writeTime()
      node.releaseHeld()
      this.#round(node)
      this.#vote(node)
      this.#dirty.add(node)
      this.#checks.get(node)?.check(true)
    })
  }

  #headTick(node: SimNode, after: number): void {
    this.#at(after, `head ${node.name}`, () => {
      this.#headTick(node, HEAD_INTERVAL)
      if (!node.up || this.#settled || node.operator === undefined) return
      this.#tellHead(node)
      this.#dirty.add(node)
    })
  }

  #round(node: SimNode): void {
    if (!node.up) return
    const { random } = this.#world
    const reachable = this.#network.reachable(node)
    for (const name of random.shuffle(reachable).slice(0, FEW_PEERS)) {
      this.#network.exchange(node, name, [], () => this.#tellHead(node, true))
    }
  }

  /** In a healed network the peers are asked in turn. */
  #orderlyRound(node: SimNode): void {
    const reachable = this.#network.reachable(node)
    const from = this.#turn * SYNC_PEERS
    const asked = [...reachable, ...reachable].slice(
      from % reachable.length,
      (from % reachable.length) + SYNC_PEERS,
    )
    for (const name of new Set(asked)) {
      this.#network.exchange(node, name, [], () => this.#tellHead(node, true))
    }
  }

  /** Signs a head and gives it to all. With `first`, only where none was given since the start. */
  #tellHead(node: SimNode, first = false): void {
    if (node.operator === undefined || !node.signing || this.#settled) return
    if (first && node.own?.isAhead !== true) return
    const head = node.sign()
    if (head === undefined) return
    this.#world.ledger.publish(head, node.ownSlots(head))
    this.#network.tellAll(node.name, { kind: 'head', bytes: head.bytes })
    this.#dirty.add(node)
  }

  /** Says what came out of the releases that it knows. */
  #vote(node: SimNode, certain = false): void {
    const { operator } = node
    const { random } = this.#world
    if (operator === undefined || this.#settled) return
    for (const release of releasesOf(node, this.#world)) {
      const name = `${node.name} ${release.sid}`
      if (this.#voted.has(name) || !(certain || random.chance(0.6))) continue
      this.#voted.add(name)
      const truth = TRUE_IMAGES[release.body.version] ?? EVIL_IMAGE
      const [platform] = release.body.platforms
      const maps = [...Object.values(TRUE_IMAGES), EVIL_IMAGE].find(
        (image) => manifestOf(image) === platform?.manifestDigest,
      )
      const made = poolRebuild(operator, release, { digest: truth, maps: maps ?? truth })
      node.publish(made)
      this.#network.tellAll(node.name, { kind: 'statement', bytes: made.bytes })
    }
    this.#tellHead(node)
  }

  #planLiars(healing: number): void {
    const { random, queue } = this.#world
    for (const liar of this.#liars) {
      const acts = 2 + random.integer(4)
      for (let i = 0; i < acts; i++) {
        queue.at(queue.now + random.next() * (healing - queue.now - 1), 'liar', () =>
          this.#act(liar),
        )
      }
    }
    for (const name of this.#peers.keys()) {
      for (let i = 0; i < 4; i++) {
        queue.at(queue.now + random.next() * (healing - queue.now - 1), 'hostile', () =>
          this.#annoy(name),
        )
      }
    }
  }

  #act(liar: Liar): void {
    const { random } = this.#world
    const known = this.#nodes.flatMap((node) => releasesOf(node, this.#world))
    const own = [...new Map(known.map((release) => [release.sid, release])).values()]
    for (const utterance of liar.act(own)) {
      this.#count(`liar ${liar.role}`)
      for (const peer of this.#peers.values()) peer.hear(utterance, liar)
      const from = random.pick([...this.#peers.keys(), 'nobody'])
      for (const node of this.#nodes) {
        if (!utterance.faces.includes(node.place % 2)) continue
        if (from === 'nobody' || random.chance(0.3)) continue
        for (const { bytes } of utterance.statements) {
          this.#network.tell(from, node.name, { kind: 'statement', bytes })
        }
        this.#network.tell(from, node.name, { kind: 'head', bytes: utterance.head.bytes })
      }
    }
  }

  /** A hostile peer takes up what is there, floods, and forges. */
  #annoy(name: string): void {
    const { random, plan } = this.#world
    const source = random.pick(this.#nodes)
    // What is new is not shown to whom it is hidden from.
    if (source.up && !this.#faults.hasEclipse) this.#peers.get(name)?.capture(source)
    const role = plan.peers[[...this.#peers.keys()].indexOf(name)]
    const target = random.pick(this.#nodes)
    if (role === 'flooding') this.#network.flood(name, target)
    if (role !== 'forging' && role !== 'flooding') return
    for (const bytes of this.#slanders()) {
      this.#network.tell(name, target.name, { kind: 'proof', bytes })
    }
    const sample: Head | undefined = source.book.heads()[0]
    const statement = [...source.statements.values()][0]
    for (let i = 0; i < 5; i++) {
      if (sample !== undefined) {
        this.#network.tell(name, target.name, { kind: 'head', bytes: broken(sample.bytes, random) })
        this.#network.tell(name, target.name, {
          kind: 'proof',
          bytes: broken(sample.bytes, random),
        })
      }
      if (statement !== undefined) {
        const bytes = broken(statement.bytes, random)
        this.#network.tell(name, target.name, { kind: 'statement', bytes })
      }
    }
  }

  /** Proofs of what is none: two heads of one log, in each order and kind. */
  #slanders(): Uint8Array[] {
    const heads = this.#nodes.flatMap(({ book }) => book.heads())
    const first = this.#world.random.pick([...heads, undefined])
    const second = heads.find(
      ({ origin, time }) => origin.text === first?.origin.text && time !== first.time,
    )
    if (first === undefined || second === undefined) return []
    return (['fork', 'shrink', 'after-seal'] as const).flatMap((kind) => [
      encodeProof({ kind, heads: [first.bytes, second.bytes] }),
      encodeProof({ kind, heads: [second.bytes, first.bytes] }),
    ])
  }

  /** Faults end: everybody is up, reaches everybody, and says all it has to say. */
  #heal(): void {
    const { queue } = this.#world
    this.#world.note('healing')
    this.#faults.end()
    for (let i = 0; i < 3; i++) {
      queue.after(1 + i * 3600, 'settling', () => {
        for (const node of this.#nodes) {
          node.releaseHeld()
          this.#orderlyRound(node)
          this.#vote(node, true)
        }
        this.#turn++
      })
    }
  }

  /** From now on nobody says anything new, and two rounds must do. */
  #settle(): void {
    const { plan } = this.#world
    for (const node of this.#nodes) if (node.signing) this.#tellHead(node)
    this.#network.gossips = !plan.silentHealing
    this.#settled = true
    this.#world.note('settled')
  }

  /**
   * Two rounds in which nothing is new. What a hostile peer has kept back and shows only in one of
   * them is new to all, and two more must do for that; it has an end of such things.
   */
  #playRounds(): void {
    const { queue } = this.#world
    let began: number
    do {
      began = queue.now
      for (let i = 0; i < 2; i++) queue.after(1 + i * INTERVAL, 'round', () => this.#roundOfAll())
      this.#play(began + 2 * INTERVAL)
    } while (this.#network.lastNews >= began)
  }

  #roundOfAll(): void {
    for (const node of this.#nodes) {
      node.releaseHeld()
      this.#orderlyRound(node)
    }
    this.#turn++
  }

  #at(after: number, name: string, happen: () => void): void {
    this.#world.queue.after(after, name, happen)
  }

  #count(name: string, by = 1): void {
    this.#met.set(name, (this.#met.get(name) ?? 0) + by)
  }
}

function releasesOf(node: SimNode, { announcer }: World): SignedStatement<Release>[] {
  return [...node.statements.values()]
    .map(({ statement }) => statement)
    .filter((statement): statement is SignedStatement<Release> => statement.body.kind === 'release')
    .filter(({ key }) => key === announcer.key.publicKey)
}
