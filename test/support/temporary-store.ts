/** Stores in folders of their own, for tests; each folder goes when its test ends. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { createLogger } from '../../node/logger.ts'
import type { FreeSpaceLimits } from '../../node/store/free-space.ts'
import { Store, type StoreComponents, type StoreInit } from '../../node/store/store.ts'
import { openStatement } from '../../protocol/open-statement.ts'

/** No share of the disk is kept free: tests run on whatever disk there is. */
export const noLimits: FreeSpaceLimits = { minFreeBytes: 0, minFreeShare: 0 }

export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rebuildnet-test-'))
  onTestFinished(() => rm(folder, { recursive: true, force: true }))
  return folder
}

export function openStore(
  directory: string,
  init: Partial<StoreInit> = {},
  components: Partial<StoreComponents> = {},
): Promise<Store> {
  return Store.open(
    {
      open: (bytes) => openStatement(bytes, nodeCrypto),
      crypto: nodeCrypto,
      logger: createLogger('silent'),
      ...components,
    },
    { directory, freeSpaceLimits: noLimits, ...init },
  )
}

/** An empty store that is closed when the test ends. */
export async function temporaryStore(): Promise<Store> {
  const store = await openStore(await temporaryFolder())
  onTestFinished(() => store.close())
  return store
}
