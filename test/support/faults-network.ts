/**
 * Machines with a long and lossy wire between each two of them, that can be cut in half.
 *
 * All that they send goes through one router. Where the kernel has netem, that delays and drops on
 * each machine's wire. Elsewhere the router's kernel drops (iptables statistic), the wires have a
 * rate (tbf), and a program on the router delays (faults-relay.child.ts): connections to the nodes'
 * port lead through it, and seem to come from where they do.
 */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import type { RelayInit } from './faults-relay.child.ts'
import { createInternet, type Machine } from './network-namespaces.ts'

const run = promisify(execFile)
const RELAY = fileURLToPath(new URL('faults-relay.child.ts', import.meta.url))
const ROUTER = '44.0.0.1'
const FIRST_RELAY_PORT = 20_000
export const NODE_PORT = 4801

export interface Wire {
  /** One way, in milliseconds. */
  readonly delayMs: number
  /** Share of the packets that are lost, each way. */
  readonly loss: number
  readonly rate: string
}

export interface LossyNetwork {
  readonly machines: readonly Machine[]
  /** How the wires are made bad on this kernel. */
  readonly means: 'netem' | 'relay'
  /** From now on no packet passes between the first half of the machines and the second. */
  cut(): Promise<void>
  heal(): Promise<void>
  /** Packets that met the cut, so far. */
  packetsCutOff(): Promise<number>
}

/** The n-th machine's address: each half in a network of its own, and no two in one /16. */
function addressOf(i: number, count: number): string {
  const half = Math.ceil(count / 2)
  return i < half ? `45.${i + 1}.0.1` : `46.${i - half + 1}.0.1`
}

export async function createLossyNetwork(count: number, wire: Wire): Promise<LossyNetwork> {
  const internet = await createInternet()
  const router = await internet.addMachine(ROUTER)
  const machines: Machine[] = []
  for (let i = 0; i < count; i++) machines.push(await internet.addMachine(addressOf(i, count)))
  const on = async (machine: Machine, line: string): Promise<string> => {
    const [command = '', ...args] = [...machine.by, ...line.split(' ')]
    return (await run(command, args)).stdout
  }

  await on(router, 'sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.send_redirects=0')
  await on(router, 'sysctl -qw net.ipv4.conf.wan.send_redirects=0 net.ipv4.conf.all.rp_filter=0')
  const isNetem = await on(router, 'tc qdisc add dev lo root netem delay 1ms').then(
    () => true,
    () => false,
  )
  const { delayMs, loss, rate } = wire
  await Promise.all(
    machines.map(async (machine) => {
      await on(machine, 'sysctl -qw net.ipv4.conf.all.accept_redirects=0')
      await on(machine, `ip route replace default via ${ROUTER} dev wan onlink`)
      await on(
        machine,
        isNetem
          ? `tc qdisc add dev wan root netem delay ${delayMs}ms ${delayMs / 2}ms loss ${loss * 100}% rate ${rate}`
          : `tc qdisc add dev wan root tbf rate ${rate} burst 64kb latency 400ms`,
      )
    }),
  )
  if (isNetem) await on(router, 'tc qdisc del dev lo root')
  else await delayOnRouter(router, machines, on, wire)

  const halves = ['-s 45.0.0.0/8 -d 46.0.0.0/8', '-s 46.0.0.0/8 -d 45.0.0.0/8']
  const eachWay = async (what: '-A' | '-D'): Promise<void> => {
    // Before anything else looks at a packet, connections that are open included.
    for (const way of halves) {
      await on(router, `iptables -w -t raw ${what} PREROUTING ${way} -j DROP`)
    }
  }
  return {
    machines,
    means: isNetem ? 'netem' : 'relay',
    cut: () => eachWay('-A'),
    heal: () => eachWay('-D'),
    packetsCutOff: async () => {
      const rules = await on(router, 'iptables -w -t raw -vnxL PREROUTING')
      const counts = rules.matchAll(/^\s*([0-9]+)\s+[0-9]+\s+DROP\b/gm)
      return [...counts].reduce((sum, [, packets]) => sum + Number(packets), 0)
    },
  }
}

async function delayOnRouter(
  router: Machine,
  machines: readonly Machine[],
  on: (machine: Machine, line: string) => Promise<unknown>,
  { delayMs, loss }: Wire,
): Promise<void> {
  const hosts = machines.map(({ address }, i) => ({ address, from: `10.9.${i}.1` }))
  for (const [i, { address, from }] of hosts.entries()) {
    await on(router, `ip addr add ${from}/32 dev lo`)
    const rules = [
      `PREROUTING -p tcp -d ${address} --dport ${NODE_PORT} -j REDIRECT --to-ports ${FIRST_RELAY_PORT + i}`,
      `POSTROUTING -s ${from} -j SNAT --to-source ${address}`,
    ]
    for (const rule of rules) await on(router, `iptables -w -t nat -A ${rule}`)
  }
  const drop = `iptables -w -A INPUT -i wan -p tcp -m statistic --mode random --probability ${loss} -j DROP`
  for (const machine of [router, ...machines]) await on(machine, drop)

  const init: RelayInit = { hosts, firstPort: FIRST_RELAY_PORT, port: NODE_PORT, delayMs }
  const [command, ...args] = [...router.by, process.execPath, RELAY, JSON.stringify(init)]
  const relay = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(async () => {
    const ended = once(relay, 'exit')
    relay.stdin.end()
    if (relay.exitCode === null) await ended
  })
  await once(relay.stdout, 'data')
}
