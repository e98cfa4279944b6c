/**
 * Statements verified and stored each second, held against the bare equation of node:crypto over the
 * same messages: on one core (where the system can pin processes), and on all of them.
 */
import { spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { startChild } from './children.ts'
import { figure, heading, quantile } from './report.ts'

const ROUNDS = 3
const COUNT = 20_000

type Mode = 'bare' | 'whole'

async function rate(mode: Mode, threads: number, by: readonly string[]): Promise<number> {
  const child = startChild('statements.child.mjs', [mode, String(threads), String(COUNT)], by)
  const { seconds } = await child.next<{ seconds: number }>()
  await child.stop()
  return COUNT / seconds
}

async function compare(name: string, threads: number, by: readonly string[]): Promise<void> {
  const rates: Record<Mode, number[]> = { bare: [], whole: [] }
  for (let round = 0; round < ROUNDS; round++) {
    for (const mode of ['bare', 'whole'] as const) rates[mode].push(await rate(mode, threads, by))
  }
  const [bare, whole] = [quantile(rates.bare, 0.5), quantile(rates.whole, 0.5)]
  figure(`${name}: bare Ed25519`, bare, 'a second')
  figure(`${name}: verified and stored`, whole, 'a second')
  figure(`${name}: ratio`, whole / bare, '', { atLeast: 0.7 })
}

export async function benchStatements(): Promise<void> {
  heading(`statements: ${COUNT} results of 1.9 KB, median of ${ROUNDS}`)
  const cores = availableParallelism()
  if (spawnSync('taskset', ['--version']).error === undefined) {
    await compare('one core', 0, ['taskset', '-c', '0'])
  }
  await compare(`${cores} cores`, cores, [])
}
