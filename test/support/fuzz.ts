/**
 * Seeded executions of a parser on spoiled inputs, each with a bound on its work.
 *
 * REBUILDNET_TEST_DEPTH says how many (default 2,000, ci 20,000, soak 1,000,000); each has a seed of
 * its own, which a failure names. REBUILDNET_SEED makes that one the first.
 */
import { getHeapStatistics } from 'node:v8'
import { SeededRandom } from './seeded-random.ts'

const DEPTHS: Readonly<Record<string, number>> = { default: 2_000, ci: 20_000, soak: 1_000_000 }

/** Executions of each target. */
export const FUZZ_EXECUTIONS =
  DEPTHS[process.env.REBUILDNET_TEST_DEPTH ?? 'default'] ?? DEPTHS.default ?? 0

export const FUZZ_TIMEOUT_MS = 60_000 + FUZZ_EXECUTIONS * 10

const FIRST_SEED = Number(process.env.REBUILDNET_SEED ?? 1)

/** What one execution may take, of all threads together and with what the collector has to do. */
const MAX_CPU_MS = 100
const MAX_BYTES = 64 * 1024 * 1024
/** Others share the machine: only what is too much each time counts. */
const MEASUREMENTS = 3

export interface FuzzTarget<T> {
  readonly name: string
  /** Executions, where they are not FUZZ_EXECUTIONS. */
  readonly executions?: number
  readonly make: (random: SeededRandom) => T
  /** Throws, or rejects, where what came out is not allowed. `random` is as `make` left it. */
  readonly execute: (input: T, random: SeededRandom) => unknown
}

export async function fuzz<T>(target: FuzzTarget<T>): Promise<void> {
  const { executions = FUZZ_EXECUTIONS, make } = target
  for (let seed = FIRST_SEED; seed < FIRST_SEED + executions; seed++) {
    const random = new SeededRandom(seed)
    const input = make(random)
    try {
      await executeBounded(target, input, random)
    } catch (cause) {
      const why = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)
      throw new Error(
        `${target.name} failed with seed ${seed}; to repeat it: REBUILDNET_SEED=${seed} ` +
          `npx vitest run --project property test/property/normalize-fuzz -t "${target.name}"\n${why}`,
        { cause },
      )
    }
  }
}

async function executeBounded<T>(
  { execute }: FuzzTarget<T>,
  input: T,
  random: SeededRandom,
): Promise<void> {
  for (let measurement = 1; ; measurement++) {
    const bytesBefore = usedBytes()
    const cpuBefore = process.cpuUsage()
    const result = execute(input, random)
    if (result instanceof Promise) await result
    const { user, system } = process.cpuUsage(cpuBefore)
    const cpuMs = (user + system) / 1000
    const bytes = usedBytes() - bytesBefore
    if (cpuMs <= MAX_CPU_MS && bytes <= MAX_BYTES) return
    if (measurement === MEASUREMENTS) {
      throw new Error(`one execution took ${cpuMs} ms of CPU and ${bytes} bytes of memory`)
    }
  }
}

/** Garbage included: what an execution has asked for, unless the collector ran meanwhile. */
function usedBytes(): number {
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics()
  return heap + external
}
