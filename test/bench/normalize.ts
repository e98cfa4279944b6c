/** Prints how fast we are against tools that inflate and hash, and nothing more. README.md. */
import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { makeInputs, type Compression, type Input } from './inputs.ts'
import { folder, say } from './report.ts'

const MB = 1e6

interface Contestant {
  readonly name: string
  readonly command: string
  /** A peer: the least part of its speed that we want. */
  readonly goal?: number
}

interface Run {
  readonly wall: number
  readonly cpu: number
  readonly output: string
}

const has = (tool: string): boolean => spawnSync(tool, ['--version']).error === undefined

function peersOf(compression: Compression, count: number): Contestant[] {
  const pipe = (inflate: string, hash: string, goal: number): Contestant => ({
    name: `${inflate} | ${hash}`,
    // One layer after the other, each hashed by itself.
    command: `for layer in FILES; do ${inflate} "$layer" | ${hash}; done`,
    goal,
  })
  const openssl = 'openssl dgst -sha256'
  if (compression === 'plain') return [pipe('cat', openssl, 0)]
  if (compression === 'zstd') return [pipe('zstd -dc', openssl, 1 / 1.5)]
  return [
    pipe('zcat', 'sha256sum', count === 1 ? 1.8 : 2),
    ...(has('pigz') ? [pipe('pigz -dc', openssl, count === 1 ? 1 : 0)] : []),
    ...(has('igzip') ? [pipe('igzip -dc', openssl, 0)] : []),
  ]
}

async function time(command: string, files: readonly string[]): Promise<Run> {
  const script = `TIMEFORMAT='%R %U %S'; time { ${command.replace('FILES', files.join(' '))}; }`
  const { stdout, stderr } = await promisify(execFile)('bash', ['-c', script])
  const [wall = NaN, user = NaN, system = NaN] = (stderr.trim().split('\n').at(-1) ?? '')
    .split(' ')
    .map(Number)
  return { wall, cpu: user + system, output: stdout }
}

const median = (numbers: readonly number[]): number =>
  numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? NaN

function row(cells: readonly string[]): void {
  const widths = [34, 9, 9, 9, 12, 12, 10]
  console.log(
    cells
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[i] ?? 0)))
      .join(' '),
  )
}

async function compare(input: Input, cache: string, rounds: number): Promise<void> {
  const measure = `${process.execPath} ${join(import.meta.dirname, 'measure.mjs')} oci:${input.layout}`
  const igzip = input.compression === 'gzip' && has('igzip')
  const ours: Contestant[] = [
    { name: 'rebuildnet', command: `${measure} builtin` },
    ...(igzip ? [{ name: 'rebuildnet with igzip', command: `${measure} auto` }] : []),
    { name: 'rebuildnet, a second time', command: `${measure} builtin ${cache}` },
  ]
  const peers = peersOf(input.compression, input.files.length)
  const runs = new Map<string, Run[]>()
  for (let round = 0; round < rounds; round++) {
    for (const { name, command } of [...ours, ...peers]) {
      const result = await time(command, input.files)
      // The first time there is nothing in the cache yet.
      if (round === 0 && name.endsWith('second time')) {
        runs.set(name, [await time(command, input.files)])
      } else {
        runs.set(name, [...(runs.get(name) ?? []), result])
      }
    }
  }
  const wall = (name: string) => median((runs.get(name) ?? []).map((run) => run.wall))
  const cpu = (name: string) => median((runs.get(name) ?? []).map((run) => run.cpu))
  console.log(
    `\n${input.name}, ${input.compression}: ${input.files.length} layer(s), ${Math.round(input.bytes / MB)} MB unpacked, median of ${rounds}`,
  )
  row(['', 'MB/s', 'seconds', 'CPU s', 'peak MB', 'loop max ms', ''])
  for (const { name } of [...ours, ...peers]) {
    const measured = ours.some((own) => own.name === name)
      ? (runs.get(name) ?? []).map(
          ({ output }) => JSON.parse(output) as { maxRssBytes: number; maxDelayMs: number },
        )
      : []
    row([
      name,
      (input.bytes / MB / wall(name)).toFixed(0),
      wall(name).toFixed(2),
      cpu(name).toFixed(2),
      measured.length === 0 ? '' : Math.max(...measured.map((m) => m.maxRssBytes / MB)).toFixed(0),
      measured.length === 0 ? '' : median(measured.map((m) => m.maxDelayMs)).toFixed(0),
    ])
  }
  const ratio = (own: string, peer: string, goal: number): void => {
    const value = wall(peer) / wall(own)
    const verdict = goal === 0 ? '' : `  goal ${goal.toFixed(2)}${value < goal ? '  BELOW' : ''}`
    console.log(
      `  ${value.toFixed(2)} x ${peer}  (${own}; of its CPU time ${(cpu(own) / cpu(peer)).toFixed(2)})${verdict}`,
    )
  }
  for (const { name, goal = 0 } of peers) {
    ratio('rebuildnet', name, goal)
    if (igzip && name.startsWith('igzip'))
      ratio('rebuildnet with igzip', name, input.files.length === 1 ? 0.8 : 0)
  }
}

/** Of the inputs whose name has `only` in it. */
export async function benchNormalize(rounds: number, only: string): Promise<void> {
  const inputs = await makeInputs(folder, say)
  const cache = await mkdtemp(join(tmpdir(), 'rebuildnet-bench-cache-'))
  try {
    for (const input of inputs) {
      if (!`${input.name}-${input.compression}`.includes(only)) continue
      await compare(input, cache, rounds)
    }
  } finally {
    await rm(cache, { recursive: true })
  }
}
