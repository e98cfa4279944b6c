/**
 * A process that publishes statements in its own log until it is killed, and prints each head that
 * it would have told the network, as base64. Arguments: folder, number of the round, largest head
 * that others know (base64) or nothing.
 */
import { writeSync } from 'node:fs'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { systemClock } from '../../node/clock.ts'
import { createLogger } from '../../node/logger.ts'
import { Store } from '../../node/store/store.ts'
import { openHead } from '../../protocol/log/head.ts'
import { openStatement } from '../../protocol/open-statement.ts'
import { keepOwnLog } from '../support/own-log.ts'
import { makeOperator, makeRelease } from '../support/statements.ts'
import { join } from 'node:path'

const [folder = '', round = '', known = ''] = process.argv.slice(2)
const operator = makeOperator('alice')

const store = await Store.open(
  {
    open: (bytes) => openStatement(bytes, nodeCrypto),
    crypto: nodeCrypto,
    logger: createLogger('error'),
  },
  { directory: join(folder, 'store'), freeSpaceLimits: { minFreeBytes: 0, minFreeShare: 0 } },
)
const { keeper } = await keepOwnLog(store, folder, systemClock, operator, {
  // Synchronous: what is printed was told before the process was killed.
  signed: async (head) => void writeSync(1, `${Buffer.from(head.bytes).toString('base64')}\n`),
})
const heads = known === '' ? [] : [openHead(Buffer.from(known, 'base64'), nodeCrypto)]
await keeper.confirm(heads)

for (let i = 0; ; i++) {
  await Promise.all(
    Array.from({ length: 1 + (i % 3) }, async (_, j) => {
      const { bytes, statement } = makeRelease({ operator, version: `${round}.${i}.${j}` })
      await keeper.store(statement, bytes)
      await keeper.sign()
    }),
  )
}
