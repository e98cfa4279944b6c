/** The own log of a test operator in a real store, as a node keeps it. */
import { join } from 'node:path'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import type { Clock } from '../../node/clock.ts'
import { OwnLogKeeper, type OwnLogComponents } from '../../node/log/own-log-keeper.ts'
import { TrustedTime } from '../../node/log/trusted-time.ts'
import { createLogger } from '../../node/logger.ts'
import type { Store } from '../../node/store/store.ts'
import type { Head } from '../../protocol/log/head.ts'
import { makeOperator, type TestOperator } from './statements.ts'

export interface KeptLog {
  readonly keeper: OwnLogKeeper
  /** Heads in the order in which others were given them. */
  readonly told: readonly Head[]
  /** Why it was reopened, each time. */
  readonly reopened: readonly string[]
}

/** Loads it; nothing is signed before `keeper.confirm`. */
export async function keepOwnLog(
  store: Store,
  folder: string,
  clock: Clock,
  operator: TestOperator = makeOperator('alice'),
  overrides: Partial<OwnLogComponents> = {},
): Promise<KeptLog> {
  const time = new TrustedTime({ clock, table: store.meta })
  await time.load()
  const told: Head[] = []
  const reopened: string[] = []
  const keeper = new OwnLogKeeper(
    {
      store,
      crypto: nodeCrypto,
      signer: operator.key,
      time,
      logger: createLogger('silent'),
      isLogged: () => false,
      card: () => ({ version: 1, sid: operator.card.statement.sid }),
      signed: async (head) => void told.push(head),
      reopened: async ({ why }) => void reopened.push(why),
      shared: async () => undefined,
      ...overrides,
    },
    {
      operator: operator.id,
      key: operator.key.publicKey,
      markFile: join(folder, 'signing.log'),
      diskLost: store.recovery.lostWrites,
    },
  )
  await keeper.load()
  return { keeper, told, reopened }
}
