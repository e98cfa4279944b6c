/** Runs many seeds, and says of one that fails how to run it again. */
import type { ProtocolCode } from './protocol-code.ts'
import { simulate } from './simulation.ts'
import type { Scenario } from './world.ts'

const DEPTHS: Readonly<Record<string, number>> = { default: 2000, ci: 20_000, soak: 1_000_000 }
const TRACE_LINES = 40

/** How many seeds all files together run. */
export const SEEDS = DEPTHS[process.env.REBUILDNET_TEST_DEPTH ?? 'default'] ?? 2000
/** The one seed that is to be run again. */
export const ONLY_SEED =
  process.env.REBUILDNET_SEED === undefined ? undefined : Number(process.env.REBUILDNET_SEED)

export interface Tally {
  readonly seeds: number
  readonly steps: number
  readonly met: ReadonlyMap<string, number>
}

export interface SeedRange {
  readonly code: ProtocolCode
  readonly seeds: Iterable<number>
  readonly scenario?: Scenario
}

/** Throws for the first seed that fails, with its last steps and the command that repeats it. */
export function runSeeds({ code, seeds, scenario = 'any' }: SeedRange): Tally {
  const met = new Map<string, number>()
  let steps = 0
  let count = 0
  for (const seed of seeds) {
    const outcome = attempt(code, seed, scenario)
    for (const [name, times] of outcome.met) met.set(name, (met.get(name) ?? 0) + times)
    steps += outcome.steps
    count++
  }
  return { seeds: count, steps, met }
}

function attempt(code: ProtocolCode, seed: number, scenario: Scenario) {
  try {
    return simulate({ code, seed, scenario })
  } catch (error) {
    throw explained(error, code, seed, scenario)
  }
}

function explained(error: unknown, code: ProtocolCode, seed: number, scenario: Scenario): Error {
  const last = traceOf(code, seed, scenario).slice(-TRACE_LINES)
  const which = scenario === 'any' ? 'simulation/seeds' : `simulation/threats -t "${scenario}"`
  return new Error(
    [
      `seed ${seed} (${scenario}): ${error instanceof Error ? error.message : String(error)}`,
      `again: REBUILDNET_SEED=${seed} npx vitest run --project simulation ${which}`,
      ...last,
    ].join('\n'),
    { cause: error },
  )
}

/** The same history once more, with what happened in it. */
function traceOf(code: ProtocolCode, seed: number, scenario: Scenario): readonly string[] {
  try {
    return simulate({ code, seed, scenario, traced: true }).trace
  } catch (error) {
    return (error as { trace?: readonly string[] }).trace ?? []
  }
}

/** From `from` on, every `step`th. */
export function* range(from: number, to: number, step = 1): Generator<number> {
  for (let seed = from; seed <= to; seed += step) yield seed
}
