/**
 * The way out for a machine whose clock was once far ahead: what it wrote down is never undercut, and
 * nothing is allowed until that time has come.
 *
 * Only the person at the machine can say that the clock is right now, with no node running: there is
 * no such thing in the API, and nothing that comes from the network leads here. What others dated ahead
 * is not made good by it: their heads stay unbelieved, and so do own ones that were signed then.
 */
import type { UnixSeconds } from '../protocol/identifiers.ts'
import { unixSeconds, type Clock } from './clock.ts'
import { openDataFolder } from './data-folder.ts'
import { openStoreForRepair } from './fsck.ts'
import { TrustedTime } from './log/trusted-time.ts'

export interface ClockBelief {
  /** What the clock says. */
  readonly clock: UnixSeconds
  /** The latest time that was written down here; null where none is. */
  readonly written: UnixSeconds | null
  /** Seconds by which the clock is behind that. */
  readonly behind: number
  /** Whether the clock is believed from now on. */
  readonly believed: boolean
}

/** Asks `agrees` where the clock is behind what was written down, and believes it if that says so. */
export async function believeClock(
  root: string,
  clock: Clock,
  agrees: (found: ClockBelief) => Promise<boolean>,
): Promise<ClockBelief> {
  const store = await openStoreForRepair(await openDataFolder(root), { reindex: false })
  try {
    const time = new TrustedTime({ clock, table: store.meta })
    await time.load()
    const now = unixSeconds(clock)
    const written = time.floor ?? null
    const behind = Math.max(0, (written ?? now) - now)
    const found = { clock: now, written, behind, believed: behind === 0 }
    if (behind === 0 || !(await agrees(found))) return found
    await store.write([time.believingClock()], { sync: true })
    return { ...found, believed: true }
  } finally {
    await store.close()
  }
}
