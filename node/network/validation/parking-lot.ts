/**
 * Statements that came before the one they speak of: a rebuild before its release, a withdrawal
 * before what it takes back. They wait here, in memory and within bounds, and are offered again
 * when it comes. What falls out is not lost: sync delivers it.
 */
import type { Sid } from '../../../protocol/identifiers.ts'
import type { SignedStatement } from '../../../protocol/statement.ts'
import type { Logger } from '../../logger.ts'
import type { Admission } from '../admission.ts'

/** 1,024 statements are 2 MB usually and 32 MiB at worst. */
const MAX_PARKED = 1024
/** One peer cannot push out what all the others brought. */
const MAX_PARKED_PER_PEER = 128

export interface Parked {
  readonly statement: SignedStatement
  readonly bytes: Uint8Array
  readonly peer: string
}

interface Entry extends Parked {
  readonly waitsFor: Sid
}

export class ParkingLot {
  /** By sid, oldest first. */
  readonly #entries = new Map<Sid, Entry>()

  get size(): number {
    return this.#entries.size
  }

  /** Keeps a statement until `waitsFor` comes; the oldest one gives way, the same peer's first. */
  park(waitsFor: Sid, parked: Parked): void {
    const { sid } = parked.statement
    if (this.#entries.has(sid)) return
    const own = [...this.#entries.values()].filter((entry) => entry.peer === parked.peer)
    const [oldestOwn] = own
    if (oldestOwn !== undefined && own.length >= MAX_PARKED_PER_PEER) {
      this.#entries.delete(oldestOwn.statement.sid)
    }
    if (this.#entries.size >= MAX_PARKED) {
      const [oldest] = this.#entries.keys()
      if (oldest !== undefined) this.#entries.delete(oldest)
    }
    // A copy: the bytes are a view of the whole RPC that they came in.
    this.#entries.set(sid, { ...parked, bytes: parked.bytes.slice(), waitsFor })
  }

  /** Takes out what waited for `sid`. */
  take(sid: Sid): readonly Parked[] {
    const waiting = [...this.#entries.values()].filter((entry) => entry.waitsFor === sid)
    for (const entry of waiting) this.#entries.delete(entry.statement.sid)
    return waiting
  }
}

/** `admission`, which also offers what waited for a statement once that one is stored. */
export function admitParked(admission: Admission, parking: ParkingLot, logger: Logger): Admission {
  const accept: Admission['accept'] = async (statement, bytes, origin) => {
    const acceptance = await admission.accept(statement, bytes, origin)
    if (acceptance === 'stored') await offerParked(statement.sid)
    return acceptance
  }
  const offerParked = async (arrived: Sid): Promise<void> => {
    for (const { statement, bytes, peer } of parking.take(arrived)) {
      try {
        await accept(statement, bytes, { via: 'gossip', peer })
      } catch (error) {
        // The statement that has arrived is not to blame.
        logger.error({ err: error, sid: statement.sid }, 'a statement that waited was not stored')
      }
    }
  }
  return {
    isKnownMessage: (hash) => admission.isKnownMessage(hash),
    kindOf: (sid) => admission.kindOf(sid),
    admitsSigner: (key, statement) => admission.admitsSigner(key, statement),
    accept,
  }
}
