/**
 * Whether this node may have lost statements that it once had: after a stop that was not in order,
 * and after damage. It holds until a peer has given what it has, over restarts as well, and as long
 * as it holds nothing is allowed.
 */
import { DISK_LOST } from './log/own-log-keeper.ts'
import type { Store } from './store/store.ts'

const UNSYNCED = 'unsynced'

/** Also tells the own log, where the disk has lost what was written: it is closed then, and not gone on with. */
export async function markUnsynced(store: Store): Promise<void> {
  const lost = store.recovery.lostWrites ? [store.meta.putting(DISK_LOST, true)] : []
  await store.write([store.meta.putting(UNSYNCED, true), ...lost], { sync: true })
}

export async function isUnsynced(store: Store): Promise<boolean> {
  return (await store.meta.get(UNSYNCED)) === true
}

export async function clearUnsynced(store: Store): Promise<void> {
  await store.meta.delete(UNSYNCED, { sync: true })
}
