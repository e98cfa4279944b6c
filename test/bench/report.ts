/** Where benchmarks keep what they have made, and how they say what they found. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const folder = process.env.REBUILDNET_BENCH ?? join(tmpdir(), 'rebuildnet-bench')

export const say = (line: string): void => void process.stderr.write(`bench: ${line}\n`)

export interface Goal {
  readonly atLeast?: number
  readonly atMost?: number
}

export function heading(text: string): void {
  console.log(`\n${text}`)
}

/** One figure, with its goal where it has one. */
export function figure(name: string, value: number, unit: string, goal: Goal = {}): void {
  const { atLeast, atMost } = goal
  const missed =
    (atLeast !== undefined && value < atLeast) || (atMost !== undefined && value > atMost)
  const wanted = [
    ...(atLeast === undefined ? [] : [`goal at least ${atLeast}`]),
    ...(atMost === undefined ? [] : [`goal at most ${atMost}`]),
  ].join(', ')
  const digits = value >= 100 ? 0 : value >= 1 ? 2 : 3
  console.log(
    `  ${name.padEnd(52)} ${value.toFixed(digits).padStart(10)} ${unit.padEnd(14)} ${wanted}${missed ? '  MISSED' : ''}`.trimEnd(),
  )
}

/** The smallest value that this share of them does not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? NaN
}
