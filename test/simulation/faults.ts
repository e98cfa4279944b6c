/**
 * What goes wrong in a history, but for who lies: partitions, crashes, restored backups, clocks, and a
 * node that reaches nobody but hostile peers. All of it ends when the network heals.
 */
import type { HostilePeer } from './adversary.ts'
import type { NodeChecks } from './node-checks.ts'
import type { SimNetwork } from './sim-network.ts'
import type { SimNode } from './sim-node.ts'
import { manifestOf, TRUE_IMAGES } from './statement-pool.ts'
import { Violation } from './violation.ts'
import { DAY, INTERVAL, MAX_AGE, SKEW, type World } from './world.ts'

export interface FaultsComponents {
  readonly world: World
  readonly network: SimNetwork
  readonly peers: ReadonlyMap<string, HostilePeer>
  readonly checks: ReadonlyMap<SimNode, NodeChecks>
}

export interface FaultsHandlers {
  readonly count: (name: string) => void
  /** A node has started again. */
  readonly begun: (node: SimNode) => void
}

export class Faults {
  readonly #world: World
  readonly #network: SimNetwork
  readonly #nodes: readonly SimNode[]
  readonly #peers: ReadonlyMap<string, HostilePeer>
  readonly #checks: ReadonlyMap<SimNode, NodeChecks>
  readonly #handlers: FaultsHandlers
  #eclipse: { readonly node: SimNode; readonly since: number } | undefined
  #over = false

  constructor({ world, network, peers, checks }: FaultsComponents, handlers: FaultsHandlers) {
    this.#world = world
    this.#network = network
    this.#nodes = network.nodes
    this.#peers = peers
    this.#checks = checks
    this.#handlers = handlers
  }

  get isOver(): boolean {
    return this.#over
  }

  /** Whether some node reaches nobody but hostile peers, or did. */
  get hasEclipse(): boolean {
    return this.#eclipse !== undefined
  }

  plan(healing: number): void {
    const { plan } = this.#world
    if (plan.partitions) this.#planPartitions(healing)
    if (plan.crashes) this.#planCrashes(healing)
    if (plan.clockJumps) this.#planClocks(healing)
    if (plan.eclipse) this.#planEclipse()
  }

  /** Everybody is up, and reaches everybody. */
  end(): void {
    this.#over = true
    this.#network.loss = 0
    this.#network.groups.clear()
    this.#network.eclipsed = undefined
    for (const node of this.#nodes) {
      node.clockError = Math.max(-60, Math.min(60, node.clockError))
      this.#restart(node)
    }
  }

  /** The law of an eclipse, at one node. */
  checkEclipse(node: SimNode): void {
    if (this.#eclipse?.node !== node || !node.up || this.#over) return
    const { now } = this.#world.queue
    const { plan } = this.#world
    // The liars talk on, and a node hears itself: where they are k together, nothing is hidden.
    const heard = plan.liars.length + (node.operator === undefined ? 0 : 1)
    if (
      plan.clockJumps ||
      heard >= plan.threshold ||
      now < this.#eclipse.since + MAX_AGE + SKEW + 120
    )
      return
    this.#handlers.count('looks in an eclipse')
    const view = node.view()
    for (const image of Object.values(TRUE_IMAGES)) {
      const { decision, reasons } = node.answer(manifestOf(image), view)
      if (decision === 'allow') {
        throw new Violation(
          'no allow in an eclipse after its age and skew',
          `${node.name}: ${reasons.join(' ')}`,
        )
      }
    }
  }

  #planPartitions(healing: number): void {
    const { random, queue } = this.#world
    for (
      let at = queue.now + random.next() * INTERVAL;
      at < healing;
      at += INTERVAL * (1 + random.next() * 3)
    ) {
      queue.at(at, 'partition', () => {
        if (this.#over) return
        this.#handlers.count('partitions')
        for (const { name } of this.#nodes) this.#network.groups.set(name, random.integer(2))
      })
    }
  }

  #planCrashes(healing: number): void {
    const { random, queue, plan } = this.#world
    for (let i = 1 + random.integer(4); i > 0; i--) {
      const node = random.pick(this.#nodes)
      const at = queue.now + random.next() * (healing - queue.now)
      queue.at(at, `crash ${node.name}`, () => {
        if (node.up && !this.#over) this.#crash(node)
      })
      queue.at(at + random.next() * 2 * INTERVAL, `restart ${node.name}`, () => this.#restart(node))
    }
    const stopped = random.pick(this.#nodes)
    queue.at(queue.now + random.next() * (healing - queue.now), `stop ${stopped.name}`, () => {
      if (stopped.up && !this.#over) this.#reopen(stopped)
    })
    if (!plan.backups || plan.clockJumps) return
    const node = random.pick(this.#nodes.filter(({ operator }) => operator !== undefined))
    let backup: ReadonlyMap<string, Uint8Array> | undefined
    const taken = queue.now + random.next() * (healing - queue.now)
    queue.at(taken, `backup ${node.name}`, () => (backup = node.disk.backup()))
    queue.at(taken + random.next() * (healing - taken), `restore ${node.name}`, () => {
      if (backup === undefined || this.#over || !this.#isKnownToOthers(node)) return
      if (node.up) this.#crash(node)
      this.#handlers.count('restored backups')
      node.disk.restore(backup)
      node.restored = true
      node.acknowledged.clear()
      this.#restart(node)
    })
  }

  /** Whether an honest node could tell this one where its log ends. */
  #isKnownToOthers(node: SimNode): boolean {
    const key = node.operator?.key.publicKey ?? ''
    const last = this.#world.ledger.lastOf(key)
    if (last === undefined) return false
    return this.#nodes.some(
      (other) =>
        other !== node &&
        other.up &&
        other.book
          .heads()
          .some(
            ({ origin, size }) => origin.key === key && origin.n === last.n && size >= last.size,
          ),
    )
  }

  #crash(node: SimNode): void {
    const { random } = this.#world
    this.#handlers.count('crashes')
    node.crash(random)
    if (random.chance(0.3)) node.damage(random)
    this.#network.lose(node)
    this.#checks.get(node)?.forget()
  }

  /** Stops a node in order, and starts it again: nothing is lost, and nothing looked for. */
  #reopen(node: SimNode): void {
    this.#handlers.count('orderly stops')
    this.#network.lose(node)
    node.commit()
    node.restart(false)
    this.#handlers.begun(node)
  }

  #restart(node: SimNode): void {
    if (node.up) return
    node.restart()
    for (const sid of node.acknowledged) {
      if (
        !node.statements.has(sid) ||
        (node.own?.damage === undefined && node.own?.has(sid) !== true)
      ) {
        throw new Violation('what was acknowledged is not lost', `${node.name} lost ${sid}`)
      }
    }
    this.#handlers.begun(node)
  }

  #planClocks(healing: number): void {
    const { random, queue } = this.#world
    for (let i = 1 + random.integer(2); i > 0; i--) {
      const node = random.pick(this.#nodes)
      const by = Math.floor((random.next() * 2 - 1) * 7 * DAY)
      const at = queue.now + random.next() * (healing - queue.now)
      queue.at(at, `clock ${node.name} ${by}`, () => {
        if (this.#over) return
        this.#handlers.count('clock jumps')
        node.clockError = by
        this.#checks.get(node)?.check(true)
      })
      queue.at(
        at + random.next() * 4 * INTERVAL,
        `clock ${node.name} right`,
        () => (node.clockError = 0),
      )
    }
  }

  #planEclipse(): void {
    const { random, queue } = this.#world
    const node = random.pick(this.#nodes)
    queue.at(queue.now + (0.5 + random.next() * 2) * INTERVAL, `eclipse ${node.name}`, () => {
      if (this.#over) return
      this.#handlers.count('eclipses')
      this.#network.eclipsed = node.name
      this.#network.lose(node)
      this.#eclipse = { node, since: queue.now }
      // Whoever wants may still be heard, as it was.
      for (const peer of this.#peers.values()) peer.capture(node)
    })
  }
}
