/**
 * A node's network in a process of its own, for tests that put it into a network namespace.
 * Arguments: folder for store and keys, options as JSON. Reads commands and prints answers, one JSON
 * value a line; `test/support/node-process.ts` is the other end. Ends with its standard input.
 */
import { join } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { createLogger } from '../../node/logger.ts'
import { Network, type NetworkOptions } from '../../node/network/network.ts'
import { FOLLOWS_TEST_IMAGE, TestLedger } from '../support/network.ts'
import type { NodeCommand, Usage } from '../support/node-process.ts'
import { TestLog } from '../support/logs.ts'
import { makeOperator, makeRelease, TEST_TIME, type TestOperator } from '../support/statements.ts'
import { openStore } from '../support/temporary-store.ts'

const [folder = '', text = '{}'] = process.argv.slice(2)
const options = JSON.parse(text) as Partial<NetworkOptions>

const store = await openStore(join(folder, 'store'))
const ledger = new TestLedger(store, FOLLOWS_TEST_IMAGE)
// One of its own: two processes that wrote to one log would fork it.
const operator = makeOperator(folder)
const log = new TestLog(operator)
ledger.strangers.add(makeOperator('stranger').key.publicKey)
let published = 0

/** Who signs the next one: others hear no more of one signer than its quota of a day. */
function speaker(): TestOperator {
  return makeOperator(`${folder} ${Math.floor(published++ / 150)}`)
}
const network = new Network(
  {
    crypto: nodeCrypto,
    // It runs, from where the test's statements are.
    clock: { now: () => (TEST_TIME + 7200) * 1000 + performance.now() },
    logger: createLogger('warn'),
    admission: ledger,
    logs: ledger,
    peerKeyFile: join(folder, 'peer.key'),
    anchorsFile: join(folder, 'anchors.json'),
  },
  options,
)
await network.start()
const LAG_RESOLUTION_MS = 10
const lag = monitorEventLoopDelay({ resolution: LAG_RESOLUTION_MS })
lag.enable()

function takeUsage(): Usage {
  const lagP99Ms = Math.max(0, lag.percentile(99) / 1e6 - LAG_RESOLUTION_MS)
  lag.reset()
  const maxRssBytes = process.resourceUsage().maxRSS * 1024
  return { rssBytes: process.memoryUsage.rss(), maxRssBytes, lagP99Ms }
}

async function answer(command: NodeCommand): Promise<unknown> {
  switch (command.do) {
    case 'addresses':
      return network.addresses()
    case 'peers':
      return network.peers()
    case 'publish': {
      const { bytes, statement } = makeRelease({ operator: speaker(), version: command.version })
      await store.statements.put(bytes)
      await network.publish(statement, bytes)
      return statement.sid
    }
    case 'put': {
      const release = makeRelease({ operator, version: command.version })
      await store.statements.put(release.bytes)
      ledger.keep(log.add(release))
      await ledger.commit()
      return release.statement.sid
    }
    case 'offers':
      return ledger.offers
    case 'sync':
      return network.sync()
    case 'counts':
      return Object.fromEntries(network.gossipCounts())
    case 'usage':
      return takeUsage()
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const { id, command } = JSON.parse(line) as { id: number; command: NodeCommand }
  const reply = await answer(command).then(
    (value) => ({ id, value: value ?? null }),
    (error: unknown) => ({ id, error: String(error) }),
  )
  process.stdout.write(`${JSON.stringify(reply)}\n`)
}
await network.stop()
await store.close()
