/** Sync as hostile peers speak it: frames that are broken, answers that are untrue, and floods. */
import type { OperatorId } from '../../protocol/identifiers.ts'
import type { LogBook } from '../../protocol/log/log-book.ts'
import { makeOrigin } from '../../protocol/log/origin.ts'
import { encodeRequest, type SyncRequest } from '../../protocol/sync/requests.ts'
import type { SyncRow } from '../../protocol/sync/query.ts'
import type { ClientRun, ReceiveStep } from '../../protocol/sync/steps.ts'
import type { SyncBook } from '../../protocol/sync/sync-book.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { hexOf } from '../support/statements.ts'
import type { PeerRole } from './world.ts'

type Tamper = (frame: Uint8Array) => Uint8Array | undefined

/** What becomes of the frames of a hostile server. */
export function tamperWith(role: PeerRole, random: SeededRandom): Tamper | undefined {
  if (role === 'mute') return () => undefined
  if (role === 'forging') return (frame) => (random.chance(0.4) ? broken(frame, random) : frame)
  if (role === 'flooding') return (frame) => (random.chance(0.3) ? goingOn(frame) : frame)
  return undefined
}

/** A frame that was changed at one place, cut off, or is another one. */
export function broken(frame: Uint8Array, random: SeededRandom): Uint8Array {
  const copy = frame.slice()
  const way = random.integer(4)
  if (way === 0) return copy.subarray(0, random.integer(copy.length))
  if (way === 1) {
    return Uint8Array.from({ length: random.integer(80) }, () => random.integer(256))
  }
  const at = way === 2 ? random.integer(copy.length) : random.integer(Math.min(8, copy.length))
  copy[at] = (copy[at] ?? 0) ^ (1 << random.integer(8))
  return copy
}

/** Says that another frame follows, and another. */
function goingOn(frame: Uint8Array): Uint8Array {
  const copy = frame.slice()
  if (copy.length > 1 && copy[0] !== 0xff && copy[0] !== 0x81) copy[1] = 1
  return copy
}

/** A book that says more of its logs than it has, or other things. */
export function lyingBook(book: SyncBook, random: SeededRandom): SyncBook {
  const twist = (row: SyncRow): SyncRow => {
    switch (random.integer(6)) {
      case 0:
        return { ...row, size: row.size + 1 + random.integer(5) }
      case 1:
        return { ...row, root: hexOf('another root') }
      case 2:
        return { ...row, time: row.time + random.integer(100_000) }
      case 3:
        return { ...row, proven: true }
      default:
        return row
    }
  }
  return new Proxy(book, {
    get(target, name) {
      if (name === 'rows') {
        return (query: Parameters<SyncBook['rows']>[0]) => target.rows(query).map(twist)
      }
      if (name === 'book') return lyingLeaves(target.book, random)
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

/** Leaves that are not those of their head, now and then. */
function lyingLeaves(book: LogBook, random: SeededRandom): LogBook {
  return new Proxy(book, {
    get(target, name) {
      if (name === 'entries') {
        return (...args: Parameters<LogBook['entries']>) => {
          const slots = target.entries(...args)
          if (slots.length > 0 && random.chance(0.5)) slots[5] = (slots[5] ?? 0) ^ 1
          return slots
        }
      }
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? (value.bind(target) as unknown) : value
    },
  })
}

/** A client that asks for much, for nothing, and for what is no request. */
export function* floodingClient(random: SeededRandom, operators: readonly OperatorId[]): ClientRun {
  for (let i = random.integer(80); i >= 0; i--) {
    const request = encodeRequest(strangeRequest(random, operators))
    yield { type: 'send', frame: random.chance(0.1) ? broken(request, random) : request }
    const step: ReceiveStep = { type: 'receive' }
    yield step
    if (step.frame === undefined) return
  }
}

function strangeRequest(random: SeededRandom, operators: readonly OperatorId[]): SyncRequest {
  const operator = random.pick(operators)
  const origin = makeOrigin(operator, hexOf(`key ${random.integer(3)}`), random.integer(3))
  switch (random.integer(5)) {
    case 0:
      return { type: 'heads', origins: [origin] }
    case 1:
      return { type: 'proofs', origins: [origin] }
    case 2:
      return { type: 'leaves', ranges: [{ origin, from: random.integer(9), to: 65_536 }] }
    case 3:
      return { type: 'bodies', sids: [hexOf(`sid ${random.integer(9)}`)] }
    default:
      return {
        type: 'query',
        start: { kind: 'digest', digest: hexOf('digest') },
        query: { operators: [operator], keys: [], tags: [] },
      }
  }
}
