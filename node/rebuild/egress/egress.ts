/**
 * The way out of a build: a name server and connections that this process makes in its place.
 *
 * What a step connects to ends here (network-cell.ts). Names and addresses are judged by the
 * policy, the connection is made to an address that was judged, and what passes is counted. What
 * was refused and what was fetched goes into the log; what came by plain HTTP is kept with its hash.
 */
import type { Socket as Datagrams } from 'node:dgram'
import { connect, isIPv6, type LookupFunction, type Server, type Socket } from 'node:net'
import type { BuildLog } from '../build-log.ts'
import type { JoinedNetwork } from '../sandbox.ts'
import { answerQuery } from './dns-answer.ts'
import { HttpRelay, type FetchedFile } from './http-relay.ts'
import { NameBook, refusalOf, type ResolveHost } from './name-book.ts'
import { isMirrored, type EgressRoutes } from './route.ts'
import { CELL_RESOLVER, NetworkCell } from './network-cell.ts'
import {
  allowsAddress,
  allowsHost,
  allowsPort,
  egressPorts,
  isInsecure,
  loopbackPorts,
  type EgressPolicy,
} from './policy.ts'

export interface EgressComponents {
  readonly log: BuildLog
  readonly resolve: ResolveHost
}

export interface EgressOptions {
  /** All that will hold in the course of the build; the first holds until another is set. */
  readonly policies: readonly [EgressPolicy, ...EgressPolicy[]]
  /** What may come in, all in all. */
  readonly maxBytes: number
  /** What stands before some of what is asked for. */
  readonly routes?: EgressRoutes
  /** A process without a network, to give one to; absent: a sandbox joins a new one. */
  readonly inside?: number
}

const MAX_FETCHED = 10_000
const MAX_NOTES = 200
/** Where the server speaks first, or nobody speaks HTTP. */
const OPAQUE_PORTS = [21, 22, 443, 9418]
const HTTP_REQUEST = /^(?:GET|HEAD|POST|PUT|DELETE|OPTIONS|PATCH) /

/** Nothing of the machine's own is in them. */
const FILES = Object.freeze({
  '/etc/resolv.conf': `nameserver ${CELL_RESOLVER}\n`,
  '/etc/hosts': '127.0.0.1 localhost\n::1 localhost\n',
})

export class Egress {
  readonly #cell: NetworkCell
  readonly #log: BuildLog
  readonly #book: NameBook
  readonly #relay: HttpRelay
  readonly #maxBytes: number
  readonly #sockets = new Set<Socket>()
  readonly #refusals = new Set<string>()
  readonly #troubles = new Set<string>()
  readonly #routes: EgressRoutes
  readonly #fetched = new Map<string, FetchedFile>()
  #policy: EgressPolicy
  #bytes = 0
  #closed = false

  private constructor(
    cell: NetworkCell,
    { log, resolve }: EgressComponents,
    options: EgressOptions,
  ) {
    this.#cell = cell
    this.#log = log
    const { routes = {} } = options
    this.#routes = routes
    this.#book = new NameBook(resolve, (host) => isMirrored(routes, host))
    this.#policy = options.policies[0]
    this.#maxBytes = options.maxBytes
    this.#relay = new HttpRelay(
      {
        fetched: (file) => this.#keep(file),
        refused: ({ host, port }, reason) => this.#refuse(`${host}:${port}`, reason),
        failed: ({ host, port }, reason) => this.#fail(`${host}:${port} ${reason}`),
        count: (bytes) => this.#count(bytes),
      },
      routes,
    )
    for (const { port, server } of cell.listeners.servers) this.#serve(server, port)
    this.#serveNames(cell.listeners.names)
  }

  /** Rejects where this machine or user cannot give a build a network of its own. */
  static async open(components: EgressComponents, options: EgressOptions): Promise<Egress> {
    const { policies, inside } = options
    const ports = [...new Set(policies.flatMap(egressPorts))]
    const own = [...new Set(policies.flatMap(loopbackPorts))]
    const cell = await NetworkCell.open({ ports, loopbackPorts: own }, inside)
    return new Egress(cell, components, options)
  }

  /** What a sandbox joins. */
  get network(): JoinedNetwork {
    return { path: this.#cell.path, files: FILES }
  }

  /** `host:port` or `host` that a step wanted and was not given, as they came. */
  get refusals(): readonly string[] {
    return [...this.#refusals]
  }

  /** What kept steps from what they wanted and is not theirs, as it came: servers that throttle. */
  get troubles(): readonly string[] {
    return [...this.#troubles]
  }

  /** What came whole by plain HTTP, each content of each address once, as it came. */
  get fetched(): readonly FetchedFile[] {
    return [...this.#fetched.values()]
  }

  /** True once more wanted to come in than may. */
  get isOverLimit(): boolean {
    return this.#bytes > this.#maxBytes
  }

  /** From here on this one holds, for new names and connections; troubles before it are over. */
  setPolicy(policy: EgressPolicy): void {
    this.#policy = policy
    this.#troubles.clear()
  }

  async close(): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#relay.close()
    for (const socket of this.#sockets) socket.destroy()
    await this.#cell.close()
  }

  #serveNames(names: Datagrams): void {
    names.on('message', (datagram, { address, port }) => {
      const ask = async (name: string) => {
        const answer = await this.#book.ask(name, this.#policy)
        if (answer.kind === 'refused') this.#refuse(name, answer.reason)
        return answer
      }
      void answerQuery(datagram, ask).then((answer) => {
        if (answer !== undefined && !this.#closed) names.send(answer, port, address)
      })
    })
    // A datagram that cannot be sent is one that was lost: the step asks again.
    names.on('error', () => undefined)
  }

  #serve(server: Server, port: number): void {
    // A step may end its side and wait for the answer.
    Object.assign(server, { allowHalfOpen: true })
    server.on('connection', (socket) => {
      this.#sockets.add(socket)
      socket.on('close', () => this.#sockets.delete(socket))
      socket.on('error', () => socket.destroy())
      void this.#admit(socket, port).catch(() => socket.resetAndDestroy())
    })
  }

  async #admit(socket: Socket, port: number): Promise<void> {
    const host = this.#book.hostAt(socket.localAddress ?? '')
    const reset = (reason: string): void => {
      this.#refuse(`${host ?? 'an unknown name'}:${port}`, reason)
      socket.resetAndDestroy()
    }
    if (host === undefined) return reset('no step has asked for it')
    const policy = this.#policy
    if (!allowsHost(policy, host) || !allowsPort(policy, host, port)) {
      return reset('the recipe does not declare it')
    }
    // What is had from elsewhere may have no address here, or one that a step may not reach.
    const isOptional = port === 80 && isMirrored(this.#routes, host)
    const found = this.#book.addressesOf(host)
    const addresses = await (isOptional ? found.catch(() => []) : found)
    const inside = addresses.find((each) => !allowsAddress(policy, host, port, each))
    if (inside !== undefined && !isOptional) return reset(refusalOf(inside))
    const lookup = lookUpIn(inside === undefined ? addresses : [])
    const destination = { host, port, lookup, near: isInsecure(policy, host, port) }
    if (OPAQUE_PORTS.includes(port)) return this.#pass(socket, destination)
    const ended = (): void => this.#pass(socket, destination)
    socket.once('end', ended)
    socket.once('data', (first: Buffer) => {
      socket.off('end', ended)
      socket.pause()
      socket.unshift(first)
      if (HTTP_REQUEST.test(first.subarray(0, 8).toString('latin1'))) {
        this.#relay.take(socket, destination)
      } else this.#pass(socket, destination)
    })
  }

  #pass(socket: Socket, destination: { host: string; port: number; lookup: LookupFunction }): void {
    const far = connect({ ...destination, noDelay: true, allowHalfOpen: true })
    this.#sockets.add(far)
    far.on('close', () => {
      this.#sockets.delete(far)
      // What has come of it is still to be read.
      socket.destroySoon()
    })
    far.on('error', () => socket.resetAndDestroy())
    socket.on('close', () => far.destroy())
    far.on('data', (chunk: Buffer) => {
      if (!this.#count(chunk.length)) far.destroy()
    })
    far.pipe(socket)
    socket.pipe(far)
  }

  #count(bytes: number): boolean {
    this.#bytes += bytes
    if (!this.isOverLimit) return true
    for (const socket of this.#sockets) socket.destroy()
    return false
  }

  #keep(file: FetchedFile): void {
    const { url, digest, bytes, from } = file
    if (this.#fetched.size >= MAX_FETCHED) return
    this.#fetched.set(`${url} ${digest}`, file)
    const over = from === undefined ? '' : `, from ${from}`
    this.#log.note(`fetched ${url} ${digest}, ${bytes} bytes${over}`)
  }

  #fail(what: string): void {
    if (this.#troubles.has(what) || this.#troubles.size >= MAX_NOTES) return
    this.#troubles.add(what)
    this.#log.note(`network: ${what}`)
  }

  #refuse(what: string, reason: string): void {
    if (this.#refusals.has(what) || this.#refusals.size >= MAX_NOTES) return
    this.#refusals.add(what)
    this.#log.note(`network: ${what} refused: ${reason}`)
  }
}

/** A look-up that knows only what was judged. */
function lookUpIn(addresses: readonly string[]): LookupFunction {
  const all = addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }))
  return (host, { all: wantsAll }, callback) => {
    const [first] = all
    if (first === undefined) callback(new Error(`${host} has no address`), '')
    else if (wantsAll === true) callback(null, all)
    else callback(null, first.address, first.family)
  }
}
