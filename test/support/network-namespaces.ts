/**
 * An internet of network namespaces: one switch, machines on it, and home routers with NAT behind
 * which other machines are. Needs root and iptables. The addresses are such as libp2p takes for
 * public ones; no packet leaves the namespaces, which have no way out.
 */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'

const run = promisify(execFile)
let count = 0

/** A machine in a namespace of its own. */
export interface Machine {
  readonly address: string
  /** What a command is run by to run there. */
  readonly by: readonly string[]
}

export interface Internet {
  /** A machine with a public address. */
  addMachine(address: string): Promise<Machine>
  /** A machine at home: its router has the public address, forwards what goes out, and drops what comes in unasked. */
  addHome(publicAddress: string, lan: string): Promise<Machine>
}

export async function createInternet(): Promise<Internet> {
  const prefix = `rn${process.pid}-${count++}`
  let links = 0
  const namespaces: string[] = []
  onTestFinished(async () => {
    // All of them, whatever becomes of one.
    const ends = namespaces.map((name) => run('ip', ['netns', 'del', name]))
    await Promise.allSettled(ends)
  })

  const add = async (name: string): Promise<string> => {
    const full = `${prefix}-${name}${namespaces.length}`
    namespaces.push(full)
    await run('ip', ['netns', 'add', full])
    await inside(full, 'ip', 'link', 'set', 'lo', 'up')
    return full
  }
  const inside = (namespace: string, ...command: string[]): Promise<unknown> =>
    run('ip', ['netns', 'exec', namespace, ...command])
  const ip = (namespace: string, text: string): Promise<unknown> =>
    run('ip', ['-n', namespace, ...text.split(' ')])
  /** A cable; its ends are named and up. */
  const connect = async (from: string, fromEnd: string, to: string, toEnd: string) => {
    await ip(from, `link add ${fromEnd} type veth peer name ${toEnd} netns ${to}`)
    await ip(from, `link set ${fromEnd} up`)
    await ip(to, `link set ${toEnd} up`)
  }

  const core = await add('net')
  await ip(core, 'link add switch type bridge')
  await ip(core, 'link set switch up')
  /** Plugs a namespace into the switch, as `wan`. */
  const plug = async (namespace: string, address: string): Promise<void> => {
    const port = `port${links++}`
    await connect(namespace, 'wan', core, port)
    await ip(core, `link set ${port} master switch`)
    // All public machines see one another without a router in between.
    await ip(namespace, `addr add ${address}/32 dev wan`)
    await ip(namespace, 'route add default dev wan')
  }
  const by = (namespace: string): readonly string[] => ['ip', 'netns', 'exec', namespace]

  return {
    addMachine: async (address) => {
      const machine = await add('m')
      await plug(machine, address)
      return { address, by: by(machine) }
    },
    addHome: async (publicAddress, lan) => {
      const router = await add('r')
      const machine = await add('h')
      await plug(router, publicAddress)
      await connect(router, 'lan', machine, 'eth0')
      await ip(router, `addr add ${lan}.1/24 dev lan`)
      await ip(machine, `addr add ${lan}.2/24 dev eth0`)
      await ip(machine, `route add default via ${lan}.1`)
      await inside(router, 'sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
      const rules = [
        '-t nat -A POSTROUTING -o wan -j MASQUERADE',
        '-A INPUT -i wan -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
        '-A INPUT -i wan -j DROP',
        '-A FORWARD -i wan -m conntrack --ctstate ESTABLISHED,RELATED -j ACCEPT',
        '-A FORWARD -i wan -j DROP',
      ]
      for (const rule of rules) await inside(router, 'iptables', '-w', ...rule.split(' '))
      return { address: `${lan}.2`, by: by(machine) }
    },
  }
}
