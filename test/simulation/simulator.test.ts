/** The simulator itself: one seed is one history, and what breaks a law is told with its seed. */
import { describe, expect, it } from 'vitest'
import { SeededRandom } from '../support/seeded-random.ts'
import { EventQueue } from './event-queue.ts'
import { loadProtocolCode, type ProtocolCode } from './protocol-code.ts'
import { runSeeds } from './run-seeds.ts'
import { SimDisk } from './sim-disk.ts'
import { simulate } from './simulation.ts'

const code = await loadProtocolCode()
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe('a seed', () => {
  it('gives the same history each time, and another seed another one', () => {
    const first = simulate({ code, seed: 7, traced: true })
    const again = simulate({ code, seed: 7, traced: true })
    expect(again.trace).toEqual(first.trace)
    expect(again.fingerprint).toBe(first.fingerprint)
    expect(simulate({ code, seed: 7 }).fingerprint).toBe(first.fingerprint)
    expect(simulate({ code, seed: 8 }).fingerprint).not.toBe(first.fingerprint)
  })

  it('that breaks a law is named, with the command that repeats it', () => {
    const broken: ProtocolCode = {
      ...code,
      decide: (input) => ({ ...code.decide(input), decision: 'allow' }),
    }
    const run = (): unknown => runSeeds({ code: broken, seeds: [1, 2, 3] })
    expect(run).toThrow(/^seed 1 \(any\): .*\nagain: REBUILDNET_SEED=1 npx vitest run/)
    const message = (attempt: () => unknown): string => {
      try {
        attempt()
        return ''
      } catch (error) {
        return String(error)
      }
    }
    expect(message(run)).toBe(message(run))
  })
})

describe('virtual time', () => {
  it('goes by time, then by the order of asking', () => {
    const queue = new EventQueue(100)
    const happened: string[] = []
    for (const [after, name] of [
      [5, 'c'],
      [1, 'a'],
      [5, 'd'],
      [2, 'b'],
    ] as const) {
      queue.after(after, name, () => happened.push(name))
    }
    for (let event = queue.next(104); event !== undefined; event = queue.next(104)) event.happen()
    expect(happened).toEqual(['a', 'b'])
    expect(queue.now).toBe(104)
    for (let event = queue.next(105); event !== undefined; event = queue.next(105)) event.happen()
    expect(happened).toEqual(['a', 'b', 'c', 'd'])
  })
})

describe('the disk', () => {
  it('keeps what was synced, and of the rest a beginning', () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 50; seed++) {
      const disk = new SimDisk()
      disk.write([['a', bytes('1')]], { sync: false })
      disk.write([['b', bytes('1')]], { sync: true })
      disk.write(
        [
          ['c', bytes('1')],
          ['a', undefined],
        ],
        { sync: false },
      )
      disk.write([['d', bytes('1')]], { sync: false })
      disk.crash(new SeededRandom(seed))
      seen.add(
        disk
          .scan('')
          .map(([name]) => name)
          .join(''),
      )
    }
    expect([...seen].sort()).toEqual(['ab', 'bc', 'bcd'])
  })
})
