/**
 * The network between the nodes of a simulation: who can reach whom, gossip that may be lost, come
 * twice or in another order, and streams for sync.
 */
import type { EquivocationProof } from '../../protocol/log/equivocation.ts'
import type { Head } from '../../protocol/log/head.ts'
import type { SyncResult } from '../../protocol/sync/client.ts'
import type { ClientStep, OpenedStatement, ReadStep } from '../../protocol/sync/steps.ts'
import { parseRequest } from '../../protocol/sync/requests.ts'
import { Exchange, type ExchangeEnd, type ExchangeOutcome } from './exchange.ts'
import { floodingClient, lyingBook, tamperWith } from './hostile-sync.ts'
import type { HostilePeer } from './adversary.ts'
import { simCrypto } from './sim-crypto.ts'
import type { SimNode } from './sim-node.ts'
import { Violation } from './violation.ts'
import type { PeerRole, World } from './world.ts'

export interface Message {
  readonly kind: 'statement' | 'head' | 'proof'
  readonly bytes: Uint8Array
}

type AnyStep = ClientStep | ReadStep

export class SimNetwork {
  readonly #world: World
  readonly nodes: readonly SimNode[]
  readonly peers: ReadonlyMap<string, { readonly peer: HostilePeer; readonly role: PeerRole }>
  readonly #exchanges = new Set<Exchange>()
  readonly #touched: (node: SimNode) => void
  /** By name; nodes of different groups do not reach each other. Hostile peers are in all of them. */
  readonly groups = new Map<string, number>()
  /** Reaches nobody but hostile peers. */
  eclipsed: string | undefined
  loss: number
  /** Whether heads and statements are told to others at all. */
  gossips = true
  /** When a hostile peer last showed a node by sync what no other had. */
  lastNews = 0

  constructor(
    world: World,
    nodes: readonly SimNode[],
    peers: ReadonlyMap<string, { readonly peer: HostilePeer; readonly role: PeerRole }>,
    touched: (node: SimNode) => void,
  ) {
    this.#world = world
    this.nodes = nodes
    this.peers = peers
    this.#touched = touched
    this.loss = world.plan.loss
  }

  isOpen(a: string, b: string): boolean {
    for (const name of [a, b]) {
      const node = this.node(name)
      if (node === undefined) continue
      if (!node.up || node.banned.has(name === a ? b : a)) return false
      if (this.eclipsed === name && !this.peers.has(name === a ? b : a)) return false
    }
    if (this.peers.has(a) || this.peers.has(b)) return true
    return (this.groups.get(a) ?? 0) === (this.groups.get(b) ?? 0)
  }

  node(name: string): SimNode | undefined {
    return this.nodes.find((node) => node.name === name)
  }

  /** All that a node can ask. */
  reachable(node: SimNode): string[] {
    return [...this.nodes.map(({ name }) => name), ...this.peers.keys()].filter(
      (name) => name !== node.name && this.isOpen(node.name, name),
    )
  }

  tellAll(from: string, message: Message): void {
    if (!this.gossips) return
    for (const { name } of this.nodes) if (name !== from) this.tell(from, name, message)
  }

  tell(from: string, to: string, message: Message): void {
    const { random, plan, queue } = this.#world
    const copies = random.chance(plan.doubling) ? 2 : 1
    for (let i = 0; i < copies; i++) {
      if (random.chance(this.loss)) continue
      queue.after(random.next() * plan.delay, `${message.kind} ${from}>${to}`, () => {
        const node = this.node(to)
        if (node === undefined || !this.isOpen(from, to)) return
        this.#receive(node, from, message)
        this.#touched(node)
      })
    }
  }

  /** One exchange of sync, for all or to fill gaps. */
  exchange(
    client: SimNode,
    serverName: string,
    gaps: readonly Head[] = [],
    done?: () => void,
  ): void {
    const world = this.#world
    const running = [...this.#exchanges].some(
      (each) => each.client.node === client.name && each.server.node === serverName,
    )
    if (running || !this.isOpen(client.name, serverName)) return
    const result: SyncResult = { heads: 0, statements: 0, complete: false }
    const knowledge = knowledgeOf(client)
    const run = world.code.syncClient(
      {
        crypto: simCrypto,
        book: client.sync,
        wishes: client,
        now: () => client.clock,
        decline: (sid) => client.book.declineBody(sid),
      },
      result,
      gaps,
    )
    // As late as may be: what was begun to be stored is lost in a crash before the next step of it.
    const storing: OpenedStatement[] = []
    const store = (): void => {
      for (const opened of storing.splice(0)) client.take(opened)
    }
    const perform = (step: AnyStep): void => {
      if (step.type === 'take' || step.type === 'settle') store()
      if (step.type === 'take') storing.push(...step.statements)
      else this.#perform(client, step)
    }
    const sends = (frame: Uint8Array): void => checkAsked(client, frame)
    const ends = {
      client: { node: client.name, run, perform, sends },
      server: this.#serverOf(serverName, client),
    }
    const exchange = new Exchange(world, ends, result, {
      isOpen: () => this.isOpen(client.name, serverName),
      touched: (name) => this.#touch(name),
      ended: (outcome) => {
        this.#exchanges.delete(exchange)
        if (client.up) {
          store()
          client.commit()
        }
        world.note(
          `sync ${client.name} ${serverName} ${result.heads} ${result.statements} ${String(result.complete)}`,
        )
        const hasLearned = knowledgeOf(client) > knowledge
        if (hasLearned && this.peers.has(serverName) && this.#isAloneWithSomething(client)) {
          this.lastNews = world.queue.now
        }
        this.#judge(outcome, client.name, serverName)
        this.#touch(client.name)
        if (result.complete && client.up) {
          this.#confirm(client)
          done?.()
        }
      },
    })
    this.#exchanges.add(exchange)
    exchange.start()
  }

  /** A hostile peer asks an honest node whatever comes to its mind. */
  flood(peer: string, target: SimNode): void {
    if (!this.isOpen(peer, target.name)) return
    const world = this.#world
    const exchange = new Exchange(
      world,
      {
        client: {
          node: peer,
          run: floodingClient(world.random, world.named),
          perform: () => undefined,
        },
        server: this.#serverOf(target.name, undefined),
      },
      { heads: 0, statements: 0, complete: false },
      {
        isOpen: () => this.isOpen(peer, target.name),
        touched: (name) => this.#touch(name),
        ended: (outcome) => {
          this.#exchanges.delete(exchange)
          this.#judge(outcome, peer, target.name)
        },
      },
    )
    this.#exchanges.add(exchange)
    exchange.start()
  }

  /** A node is no more; whoever talks to it notices. */
  lose(node: SimNode): void {
    for (const exchange of [...this.#exchanges]) {
      if (exchange.client.node === node.name || exchange.server.node === node.name) {
        exchange.lose(node.name)
      }
    }
  }

  /** Whether a node keeps a head, a statement or a proof that no other node keeps. */
  #isAloneWithSomething(node: SimNode): boolean {
    const others = this.nodes.filter((other) => other !== node)
    return (
      node.book
        .heads()
        .some(({ origin, root }) =>
          others.every(({ book }) => book.head(origin.text)?.root !== root),
        ) ||
      [...node.statements.keys()].some((sid) =>
        others.every(({ statements }) => !statements.has(sid)),
      ) ||
      node.book
        .proofs()
        .some(({ operator, key }) =>
          others.every(({ book }) => book.proofAbout(operator, key) === undefined),
        )
    )
  }

  #touch(name: string): void {
    const node = this.node(name)
    if (node?.up === true) this.#touched(node)
  }

  #serverOf(name: string, client: SimNode | undefined): ExchangeEnd {
    const world = this.#world
    const hostile = this.peers.get(name)
    const node = hostile?.peer.faceFor(client?.place ?? 0) ?? this.node(name)
    if (node === undefined) throw new Error(`nobody is called ${name}`)
    const role = hostile?.role
    const book = role === 'lying' ? lyingBook(node.sync, world.random) : node.sync
    const perform = (step: AnyStep): void => {
      if (step.type === 'read')
        step.bodies = step.sids.map((sid) => node.statements.get(sid)?.bytes)
    }
    const run = world.code.serveSync({ crypto: simCrypto, book })
    const tamper = role === undefined ? undefined : tamperWith(role, world.random)
    return { node: name, run, perform, ...(tamper === undefined ? {} : { tamper }) }
  }

  #perform(node: SimNode, step: AnyStep): void {
    switch (step.type) {
      case 'open':
        step.opened = step.bodies.map((bytes) => this.#world.open(bytes))
        break
      case 'commit':
        node.commit()
        break
      case 'proven':
        this.#tellProof(node, step.proof)
    }
  }

  #tellProof(node: SimNode, { bytes, operator }: EquivocationProof): void {
    this.#world.note(`proof ${node.name} ${operator}`)
    this.tellAll(node.name, { kind: 'proof', bytes })
  }

  #confirm(node: SimNode): void {
    const { operator } = node
    if (operator === undefined || node.signing) return
    if (node.restored) {
      // A restored backup is as safe as the first peer that is asked: see README.md. What counts is what
      // it was told, not what the peer knows by now.
      const last = this.#world.ledger.lastOf(operator.key.publicKey)
      const knows = node.book
        .heads()
        .some(
          ({ origin, size }) =>
            origin.key === operator.key.publicKey &&
            (origin.n > (last?.n ?? 0) || (origin.n === last?.n && size >= last.size)),
        )
      if (last !== undefined && !knows) return
    }
    node.confirm()
    this.#world.note(`confirmed ${node.name}`)
  }

  #receive(node: SimNode, from: string, { kind, bytes }: Message): void {
    const { code } = this.#world
    try {
      if (kind === 'statement') {
        const statement = this.#world.open(bytes)
        if (statement instanceof Error) throw statement
        node.take({ statement, bytes })
        node.commit()
      } else if (kind === 'head') {
        const head = this.#world.openHead(bytes)
        const { gap, proof } = node.offerHead(head)
        if (proof !== undefined) this.#tellProof(node, proof)
        if (gap) this.exchange(node, from, [head])
      } else {
        const proof = code.openProof(bytes, simCrypto)
        if (node.book.addProof(proof)) {
          node.commit()
          this.#tellProof(node, proof)
        }
      }
    } catch (error) {
      if (!(error instanceof Error) || !/^(LogError|StatementError)$/.test(error.name)) throw error
      if (!this.peers.has(from)) {
        throw new Violation(
          'honest nodes do not accuse each other',
          `${node.name} refuses a ${kind} of ${from}: ${error.message}`,
        )
      }
    }
  }

  /** Whose fault the end of an exchange is. */
  #judge({ error, node: name }: ExchangeOutcome, client: string, server: string): void {
    if (error === undefined || name === undefined || this.peers.has(name)) return
    if (error instanceof Violation) throw error
    const code = error.name === 'SyncError' ? (error as Error & { code: string }).code : undefined
    if (code === undefined) {
      throw new Violation('nothing that peers send breaks a node', `${name}: ${error.stack ?? ''}`)
    }
    const isBlame = code === 'lie' || code === 'malformed' || code === 'refused'
    if (!isBlame) return
    const hostile = this.peers.has(client) ? client : server
    if (this.peers.has(hostile)) {
      this.#world.note(`${name} bans ${hostile}: ${error.message}`)
      this.node(name)?.banned.add(hostile)
      return
    }
    throw new Violation(
      'honest nodes do not accuse each other',
      `${client} of ${server}: ${error.message}`,
    )
  }
}

/** A peer is asked for what is not here, and for no more than that. */
function checkAsked({ name, statements }: SimNode, frame: Uint8Array): void {
  const request = parseRequest(frame)
  if (request.type !== 'bodies') return
  const here = request.sids.find((sid) => statements.has(sid))
  if (here === undefined) return
  throw new Violation('what is here is not asked for again', `${name} asks for ${here}`)
}

/** How much a node knows: it grows to an end, whatever peers repeat. */
function knowledgeOf({ book, statements }: SimNode): number {
  const leaves = book.heads().reduce((sum, { size }) => sum + size, 0)
  return leaves + statements.size + book.proofs().length
}
