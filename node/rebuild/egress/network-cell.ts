/**
 * A network for one build, in which there is nothing but what this process puts there.
 *
 * Two network namespaces and a cable between them. In the first the build runs; its loopback is
 * its own, but for ports that are to lead to this machine's. The second takes every address for its own, so that whatever the build connects to ends
 * at a listener there, which this process accepts from; nothing is ever routed further. Both are
 * gone once this process closes them, or dies. Needs root.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import type { Socket as Datagrams } from 'node:dgram'
import type { Server } from 'node:net'
import { once } from 'node:events'
import { SYSTEM_PATH } from '../sandbox.ts'

const OUTSIDE = '198.18.0.1'
const INSIDE = '198.18.0.2'
const DNS_PORT = 53

/** The address of the name server that the build is to ask. */
export const CELL_RESOLVER = OUTSIDE

/** Says that it is ready, and ends when its creator does. Text is fixed. */
const HOLD = `set -eu
ip link set lo up
if [ "$1" = outside ]; then ip route add local default dev lo; fi
echo ready
read -r end || true`

/** Connects the namespace that it runs in with that of the process $1. */
const CONNECT = `set -eu
ip link add cable type veth peer name eth0 netns "$1"
ip addr add ${OUTSIDE}/30 dev cable
ip link set cable up
nsenter --net="/proc/$1/ns/net" -- sh -eu -c '
  ip addr add ${INSIDE}/30 dev eth0
  ip link set eth0 up
  ip route add default via ${OUTSIDE}'`

/** Opens sockets in the namespace and hands them to its parent, which no other call can. */
const LISTEN = `
const net = require('node:net')
const dgram = require('node:dgram')
const [host, ...ports] = process.argv.slice(1)
// A socket that was handed on stays open here too, and would take connections, until this ends.
process.on('disconnect', () => process.exit())
let left = ports.length
const give = (port, socket) => process.send(port, socket, {}, () => {
  if (--left === 0) process.disconnect()
})
for (const port of ports.map(Number)) {
  if (port === ${DNS_PORT}) {
    const names = dgram.createSocket('udp4')
    names.bind({ address: '${OUTSIDE}', port, exclusive: true }, () => give(port, names))
  } else {
    const server = net.createServer()
    server.listen({ host, port, exclusive: true }, () => give(port, server))
  }
}
`

export interface CellPorts {
  /** Of every address that is not the build's own. */
  readonly ports: readonly number[]
  /** Of the build's loopback. */
  readonly loopbackPorts: readonly number[]
}

interface CellListeners {
  readonly servers: readonly CellServer[]
  readonly names: Datagrams
}

interface CellServer {
  readonly port: number
  readonly server: Server
}

export class NetworkCell {
  readonly listeners: CellListeners
  readonly #inside: Inside
  readonly #outside: ChildProcess

  private constructor(inside: Inside, outside: ChildProcess, listeners: CellListeners) {
    this.#inside = inside
    this.#outside = outside
    this.listeners = listeners
  }

  /**
   * `given`: a process whose network namespace has nothing in it, which becomes the inside; absent:
   * a new one. Rejects where this machine or user cannot.
   */
  static async open({ ports, loopbackPorts }: CellPorts, given?: number): Promise<NetworkCell> {
    const outside = await hold('outside')
    try {
      const inside = given === undefined ? await hold('inside') : { pid: given }
      try {
        await run(outside, ['sh', '-c', CONNECT, 'rebuildnet-connect', String(inside.pid)])
        const far = await listen(outside, '0.0.0.0', [...ports, DNS_PORT])
        const near = await listen(inside, '127.0.0.1', loopbackPorts)
        if (far.names === undefined) throw new Error('no name server for the build')
        const servers = [...far.servers, ...near.servers]
        return new NetworkCell(inside, outside, { servers, names: far.names })
      } catch (error) {
        await release(inside)
        throw error
      }
    } catch (error) {
      await release(outside)
      throw error
    }
  }

  /** What `nsenter --net` takes to enter the network of the build. */
  get path(): string {
    return namespaceOf(this.#inside)
  }

  async close(): Promise<void> {
    for (const { server } of this.listeners.servers) server.close()
    this.listeners.names.close()
    await Promise.all([release(this.#inside), release(this.#outside)])
  }
}

/** A process of this one's own that holds a namespace, or one that is somebody else's. */
type Inside = ChildProcess | { readonly pid: number }

const MAKE_TIMEOUT_MS = 60_000
const env = { PATH: SYSTEM_PATH }
/** What prepares a namespace ends by itself; a machine on which it does not cannot do this. */
const within = { env, timeout: MAKE_TIMEOUT_MS, killSignal: 'SIGKILL' } as const

function namespaceOf(holder: Inside): string {
  return `/proc/${holder.pid ?? 'none'}/ns/net`
}

async function hold(side: 'inside' | 'outside'): Promise<ChildProcess> {
  const args = ['--net', '--', '/bin/sh', '-c', HOLD, 'rebuildnet-network', side]
  const holder = spawn('unshare', args, { stdio: ['pipe', 'pipe', 'pipe'], env })
  await ended(holder, once(holder.stdout, 'data'))
  return holder
}

async function run(holder: ChildProcess, command: readonly string[]): Promise<void> {
  const args = [`--net=${namespaceOf(holder)}`, '--', ...command]
  const child = spawn('nsenter', args, { ...within, stdio: ['ignore', 'ignore', 'pipe'] })
  const [code] = (await once(child, 'close')) as [number | null]
  if (code !== 0) throw new Error(`a network for the build could not be made: ${command[0] ?? ''}`)
}

async function listen(
  holder: Inside,
  host: string,
  ports: readonly number[],
): Promise<Partial<CellListeners> & Pick<CellListeners, 'servers'>> {
  const servers: CellServer[] = []
  if (ports.length === 0) return { servers }
  let names: Datagrams | undefined
  const args = [`--net=${namespaceOf(holder)}`, '--', process.execPath, '-e', LISTEN, '--', host]
  const child = spawn('nsenter', [...args, ...ports.map(String)], {
    ...within,
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  child.on('message', (port: number, handle: unknown) => {
    if (port === DNS_PORT) names = handle as Datagrams
    else servers.push({ port, server: handle as Server })
  })
  await once(child, 'close')
  if (servers.length + (names === undefined ? 0 : 1) === ports.length) {
    return { servers, ...(names === undefined ? {} : { names }) }
  }
  for (const { server } of servers) server.close()
  names?.close()
  throw new Error('a network for the build could not be made: its ports could not be opened')
}

async function release(holder: Inside): Promise<void> {
  if (!('kill' in holder)) return
  if (holder.exitCode !== null || holder.signalCode !== null) return
  const end = once(holder, 'exit')
  holder.kill('SIGKILL')
  await end
}

/** Waits for what a process is to do, but not beyond its end. */
async function ended(child: ChildProcess, done: Promise<unknown>): Promise<void> {
  let said = ''
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const end = once(child, 'exit').then(() => {
    throw new Error(
      `a network for the build could not be made: ${said.trim() || 'no reason given'}`,
    )
  })
  done.catch(() => undefined)
  end.catch(() => undefined)
  await Promise.race([done, end])
}
