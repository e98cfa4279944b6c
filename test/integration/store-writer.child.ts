/**
 * A process that stores statements until it is killed, and prints the sid of each that was
 * acknowledged. Arguments: folder, number of the round, `sync` or `nosync`.
 */
import { writeSync } from 'node:fs'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { createLogger } from '../../node/logger.ts'
import { Store } from '../../node/store/store.ts'
import { openStatement } from '../../protocol/open-statement.ts'
import { makeRelease } from '../support/statements.ts'

const [directory = '', round = '', mode = ''] = process.argv.slice(2)

const store = await Store.open(
  {
    open: (bytes) => openStatement(bytes, nodeCrypto),
    crypto: nodeCrypto,
    logger: createLogger('error'),
  },
  { directory, freeSpaceLimits: { minFreeBytes: 0, minFreeShare: 0 } },
)

for (let i = 0; ; i += 8) {
  await Promise.all(
    Array.from({ length: 8 }, async (_, j) => {
      const { bytes, statement } = makeRelease({ version: `${round}.${i + j}` })
      const along = [store.queue.putting(statement.sid, { sid: statement.sid })]
      await store.statements.put(bytes, { sync: mode === 'sync', along })
      // Synchronous: what is printed was acknowledged before the process was killed.
      writeSync(1, `${statement.sid}\n`)
    }),
  )
}
