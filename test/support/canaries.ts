/**
 * Attacks of a build on the machine that it runs on, and what they are after.
 *
 * Each is a shell command that exits 0 once it has what it wanted. Outside of a sandbox every one
 * of them must get through, or it would prove nothing within. They do no harm where they do.
 */
import { execFile, spawn } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { createServer as createSocketServer, type Socket } from 'node:net'
import { once } from 'node:events'
import { networkInterfaces, tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'

export interface Canary {
  readonly name: string
  readonly command: string
  /** What stands in its way is a network of the build's own. */
  readonly on?: 'network'
}

export interface CanaryWorld {
  /** Attacks for a shell with busybox alone. */
  readonly simple: readonly Canary[]
  /** And for one that has python3 too, and a user who may make mounts. */
  readonly skilled: readonly Canary[]
  stop(): Promise<void>
}

const SYSCALLS = {
  x64: { add_key: 248, keyctl: 250 },
  arm64: { add_key: 217, keyctl: 219 },
}

/** A data folder with a key in it, a process that holds it, sockets, servers. Needs root. */
export async function createCanaryWorld(): Promise<CanaryWorld> {
  const folder = await mkdtemp(join(tmpdir(), 'rebuildnet-canary-'))
  const word = `canary-${Math.random().toString(36).slice(2)}`
  const data = join(folder, 'data')
  await mkdir(join(data, 'keys'), { recursive: true, mode: 0o700 })
  await mkdir(join(data, 'work', 'other-build'), { recursive: true, mode: 0o700 })
  const key = join(data, 'keys', 'signing.key')
  await writeFile(key, word, { mode: 0o600 })
  await writeFile(join(data, 'work', 'other-build', 'secret'), word)

  const http: Server[] = []
  const serve = async (host: string): Promise<string> => {
    const server = createServer((_, answer) => answer.end(word))
    server.listen(0, host)
    await once(server, 'listening')
    http.push(server)
    return `http://${host}:${(server.address() as { port: number }).port}/`
  }
  const loopback = await serve('127.0.0.1')
  const address = await serve(ownAddress())
  const socket = join(data, 'api.sock')
  const tell = (client: Socket): void => {
    // One that only looks goes away before it has heard.
    client.on('error', () => client.destroy())
    client.end(word)
  }
  const unix = createSocketServer(tell).listen(socket)
  const abstract = createSocketServer(tell).listen(`\0${word}`)
  await Promise.all([once(unix, 'listening'), once(abstract, 'listening')])
  // As the node does: the key open, a secret in its environment, its data around it.
  const holder = spawn('/bin/sh', ['-c', 'exec 7< "$0"; echo held; read -r end', key], {
    cwd: data,
    env: { PATH: process.env.PATH, CANARY: word },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(holder.stdout, 'data')
  const pid = String(holder.pid)
  const { add_key, keyctl } = SYSCALLS[process.arch as keyof typeof SYSCALLS]
  const python = (text: string): string =>
    `python3 -c '${`import ctypes, os, socket\nlibc = ctypes.CDLL(None, use_errno=True)\n${text}`.replaceAll("'", `'"'"'`)}'`
  // Into root's own keyring, as the kernel's users do; -4 is the user's keyring.
  const add = `assert libc.syscall(${add_key}, b"user", b"${word}", b"x", 1, -4) > 0`
  await promisify(execFile)('/bin/sh', ['-c', python(add)])

  const simple: readonly Canary[] = [
    { name: 'reads the key', command: `grep -q ${word} ${key}` },
    { name: 'reads another build', command: `ls ${join(data, 'work', 'other-build', 'secret')}` },
    { name: 'sees the socket of the API', command: `test -S ${socket}` },
    {
      name: 'reads the key through the root of a process',
      command: `cat /proc/[0-9]*/root${key} | grep -q ${word}`,
    },
    {
      name: 'reads the key through the folder of a process',
      command: `cat /proc/[0-9]*/cwd/keys/signing.key | grep -q ${word}`,
    },
    {
      name: 'reads the key through an open file of a process',
      command: `for f in /proc/[0-9]*/fd/7; do if [ -f $f ]; then cat $f; fi; done | grep -q ${word}`,
    },
    {
      name: 'reads the environment of a process',
      command: `cat /proc/[0-9]*/environ | tr '\\0' '\\n' | grep -q CANARY=${word}`,
    },
    { name: 'can signal a process', command: `kill -0 ${pid}` },
    {
      name: 'reaches a server on loopback',
      on: 'network',
      command: `timeout 5 busybox wget -q -O - ${loopback} | grep -q ${word}`,
    },
    {
      name: 'reaches a server on another address of the machine',
      on: 'network',
      command: `timeout 5 busybox wget -q -O - ${address} | grep -q ${word}`,
    },
    {
      name: 'sees the sockets of the machine',
      on: 'network',
      command: `grep -q ${word} /proc/net/unix`,
    },
    {
      name: 'makes a device',
      command: `rm -f /tmp/${word}; mknod /tmp/${word} c 1 3 && echo > /tmp/${word} && rm /tmp/${word}`,
    },
    { name: 'reads the log of the kernel', command: 'dd if=/dev/kmsg bs=8192 count=1' },
    {
      name: 'writes a setting of the kernel',
      command: 'n=$(cat /proc/sys/vm/swappiness) && echo $n > /proc/sys/vm/swappiness',
    },
    {
      name: 'writes a setting of a disk',
      command:
        'f=$(ls /sys/block/*/queue/read_ahead_kb | head -n 1) && n=$(cat $f) && echo $n > $f',
    },
    { name: 'names the machine', command: 'busybox hostname "$(busybox hostname)"' },
    {
      name: 'leaves its control group',
      command: `(mkdir -p /tmp/g && { mount -t cgroup2 none /tmp/g || mount -t cgroup -o pids none /tmp/g; } && busybox sh -c 'echo 0 > /tmp/g/cgroup.procs' && umount /tmp/g)`,
    },
  ]
  const skilled: readonly Canary[] = [
    ...simple,
    {
      name: 'speaks to the socket of the API',
      command: python(`s = socket.socket(socket.AF_UNIX); s.connect("${socket}")`),
    },
    {
      name: 'speaks to a socket without a path',
      on: 'network',
      command: python(`s = socket.socket(socket.AF_UNIX); s.connect("\\0${word}")`),
    },
    {
      name: 'finds a key in the keyring of the machine',
      command: python(
        `import sys\nsys.exit(libc.syscall(${keyctl}, 10, -4, b"user", b"${word}", 0) <= 0)`,
      ),
    },
    {
      name: 'may restart the machine',
      // EINVAL: the kernel has looked at what it was asked.
      command: python(`import sys\nlibc.reboot(1)\nsys.exit(ctypes.get_errno() != 22)`),
    },
    {
      name: 'may change the swap of the machine',
      command: python(`import sys\nlibc.swapoff(b"/none")\nsys.exit(ctypes.get_errno() != 2)`),
    },
    {
      name: 'may trace a process',
      command: python(`import sys\nsys.exit(libc.ptrace(0x4206, ${pid}, 0, 0) != 0)`),
    },
    {
      name: 'enters the mounts of a process',
      command: `nsenter --target 1 --mount true || nsenter --target ${pid} --mount true`,
    },
    {
      name: 'changes the programs of the machine',
      command: `mount -o remount,bind,rw /usr; touch /usr/${word} && rm /usr/${word}`,
    },
    { name: 'sets the priority of a process', command: `renice -n 0 -p ${pid}` },
  ]

  return {
    simple,
    skilled,
    stop: async () => {
      for (const server of http) server.closeAllConnections()
      for (const server of [...http, unix, abstract]) server.close()
      holder.stdin.end()
      await once(holder, 'exit')
      await rm(folder, { recursive: true, force: true })
    },
  }
}

/** An address of this machine that is not loopback's; the second of loopback where it has none. */
function ownAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return all.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.2'
}

/** A script that says `GOT name` for each attack that gets through, and `TRIED n` at the end. */
export function canaryScript(canaries: readonly Canary[]): string {
  const lines = canaries.map(
    ({ name, command }) => `if (${command}) > /dev/null 2>&1; then echo 'GOT ${name}'; fi`,
  )
  return [...lines, `echo TRIED ${canaries.length}`, ''].join('\n')
}

/** Runs a script as root of this machine, in mounts of its own, since one attack makes a mount. */
export async function attackOutside(script: string): Promise<string> {
  const { stdout } = await promisify(execFile)('unshare', ['--mount', 'sh', '-c', script])
  return stdout
}

/** What a script said it got. */
export function whatGotThrough(output: string): readonly string[] {
  return [...output.matchAll(/^GOT (.*)$/gm)].map(([, name = '']) => name)
}
