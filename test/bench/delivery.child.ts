/**
 * A node's network that prints when each statement reached it. `delivery.child.ts NAME [BOOTSTRAP…]`;
 * a line is a version, which it publishes.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { createLogger } from '../../node/logger.ts'
import type { Acceptance } from '../../node/network/admission.ts'
import { Network } from '../../node/network/network.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import { FOLLOWS_TEST_IMAGE, TestLedger } from '../support/network.ts'
import { makeOperator, makeRelease, TEST_TIME } from '../support/statements.ts'
import { openStore } from '../support/temporary-store.ts'
import { print } from './children.ts'

const [name = '', ...bootstrap] = process.argv.slice(2)
const folder = await mkdtemp(join(tmpdir(), 'rebuildnet-bench-'))
const store = await openStore(join(folder, 'store'))

class Ledger extends TestLedger {
  override async accept(...args: Parameters<TestLedger['accept']>): Promise<Acceptance> {
    const acceptance = await super.accept(...args)
    if (acceptance === 'stored') arrived(args[0])
    return acceptance
  }
}

function arrived({ sid }: SignedStatement): void {
  print({ sid, at: Date.now() })
}

const ledger = new Ledger(store, FOLLOWS_TEST_IMAGE)
const network = new Network(
  {
    crypto: nodeCrypto,
    clock: { now: () => (TEST_TIME + 7200) * 1000 + performance.now() },
    logger: createLogger('silent'),
    admission: ledger,
    logs: ledger,
    peerKeyFile: join(folder, 'peer.key'),
  },
  {
    network: 'bench',
    mdns: false,
    agent: 'rebuildnet/bench',
    listen: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap,
  },
)
await network.start()
print({ address: network.addresses()[0] })
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line) as { readonly version?: string }
  if (asked.version === undefined) {
    print({ gossiping: network.gossipingPeers })
    continue
  }
  const operator = makeOperator(`publisher ${name}`)
  const { bytes, statement } = makeRelease({ operator, version: asked.version })
  await store.statements.put(bytes)
  print({ sid: statement.sid, at: Date.now() })
  await network.publish(statement, bytes)
}
await network.stop()
await store.close()
await rm(folder, { recursive: true })
process.exit(0)
