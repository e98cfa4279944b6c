/** Whole nodes on loopback, each with a data folder of its own; they build nothing. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { systemClock, unixSeconds } from '../../node/clock.ts'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { startNode, type RunningNode } from '../../node/node.ts'
import { initDataFolder, type OperatorIdentity } from '../../node/operator-identity.ts'
import type { Answer } from '../../protocol/verdict/answer.ts'
import {
  imageDigests,
  makeRebuild,
  makeRelease,
  TEST_IMAGE,
  type TestOperator,
} from './statements.ts'
import { openStore, temporaryFolder } from './temporary-store.ts'

export interface NodeFolder {
  readonly name: string
  readonly root: string
  readonly identity: OperatorIdentity
  /** As the builders of test statements want it. */
  readonly operator: TestOperator
}

export const GOOD = `${TEST_IMAGE}@${imageDigests('good').manifestDigest}`

export async function makeNodeFolder(name: string): Promise<NodeFolder> {
  const root = join(await temporaryFolder(), name)
  const init = { folder: root, name, contact: '', claims: {} }
  const { identity } = await initDataFolder({ crypto: nodeCrypto, clock: systemClock }, init)
  await writeFile(join(root, 'config.toml'), 'format = 1\nmin_free_mb = 0\n')
  const { card, cardBytes, key } = identity
  const operator: TestOperator = {
    name,
    root: key,
    key,
    id: card.body.operator,
    card: { statement: card, bytes: Uint8Array.from(cardBytes) },
  }
  return { name, root, identity, operator }
}

/** Puts statements into a folder that no node has open: as those of a node before there were logs. */
export async function putStatements(
  { root }: NodeFolder,
  ...created: readonly { readonly bytes: Uint8Array }[]
): Promise<void> {
  const store = await openStore(join(root, 'store'))
  for (const { bytes } of created) await store.statements.put(bytes)
  await store.close()
}

/** Trusts these operators, with freshness as it is by default, and follows the test project. */
export async function writeSettings(
  { root }: NodeFolder,
  announcer: NodeFolder,
  trusted: readonly NodeFolder[],
  rules: readonly string[] = [],
): Promise<void> {
  const operators = trusted.map(
    ({ operator, name }) => `[[operator]]\nid = "${operator.id}"\nname = "${name}"\n`,
  )
  const policy = ['format = 1', 'threshold = 2', ...rules, ...operators].join('\n')
  await writeFile(join(root, 'policy.toml'), policy)
  const project = `format = 1
image = "${TEST_IMAGE}"
platforms = ["linux/amd64"]
source = "git+https://git.example/project/app"
announcers = ["${announcer.operator.id}"]
[recipe]
builders = [{ name = "buildah", version = "1.28" }]
`
  const folder = join(root, 'projects')
  await mkdir(folder, { recursive: true })
  await writeFile(join(folder, 'app.toml'), project)
  await writeFile(
    join(folder, 'app.json'),
    JSON.stringify({ format: 1, build: false, trustRecipe: false }),
  )
}

/** A release by the announcer and a vote for it by each rebuilder, in their folders. */
export async function prepareVotes(
  announcer: NodeFolder,
  rebuilders: readonly NodeFolder[],
): Promise<void> {
  const release = makeRelease({ operator: announcer.operator, announced: unixSeconds(systemClock) })
  await putStatements(announcer, release)
  for (const each of rebuilders) {
    await putStatements(each, makeRebuild({ operator: each.operator, release }))
  }
}

/** Starts it; `address` is where others dial it. */
export async function startFolder(
  { root }: NodeFolder,
  bootstrap: readonly string[] = [],
): Promise<RunningNode & { readonly address: string }> {
  const node = await startNode({
    dataFolder: root,
    flags: {
      listen: ['/ip4/127.0.0.1/tcp/0'],
      bootstrap: [...bootstrap],
      mdns: false,
      network: 'test',
      sync_interval: '2s',
      log_level: 'silent',
    },
  })
  onTestFinished(() => node.stop())
  const [address] = (await node.service.status()).listen
  if (address === undefined) throw new Error('the node listens nowhere')
  return { ...node, address }
}

export async function ask(node: RunningNode, image = GOOD): Promise<Answer> {
  const reply = await node.service.verdict(
    { image, platform: 'linux/amd64' },
    new AbortController().signal,
  )
  const [answer] = reply.answers
  if (answer === undefined) throw new Error('no answer')
  return answer
}
