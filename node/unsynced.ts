/**
 * Whether this node may have lost statements that it once had: after a stop that was not in order,
 * and after damage. It holds until a peer has given what it has, over restarts as well, and as long
 * as it holds nothing is allowed.
 */
import type { Store } from './store/store.ts'

const UNSYNCED = 'unsynced'

export async function markUnsynced(store: Store): Promise<void> {
  await store.meta.put(UNSYNCED, true, { sync: true })
}

export async function isUnsynced(store: Store): Promise<boolean> {
  return (await store.meta.get(UNSYNCED)) === true
}

export async function clearUnsynced(store: Store): Promise<void> {
  await store.meta.delete(UNSYNCED, { sync: true })
}
