/** Two trusted operators do not agree: in which files, found over the network without an image. */
import { expect, test } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { Divergences } from '../../node/divergences.ts'
import { createLogger } from '../../node/logger.ts'
import type { NodeNetwork } from '../../node/node-parts.ts'
import { Comparing } from '../../node/service/comparing.ts'
import { divergenceWords } from '../../node/service/divergence-words.ts'
import { recordedInputs } from '../../node/service/recorded-inputs.ts'
import { Signers } from '../../node/signers.ts'
import { differingInputs } from '../../protocol/differing-inputs.ts'
import { inputWords } from '../../protocol/input-words.ts'
import type { NormalizedImage } from '../../protocol/normalize/image.ts'
import type { ImageDigests } from '../../protocol/rebuild.ts'
import { makeAnswer, makeVoice } from '../support/answers.ts'
import { changedFile } from '../support/differences.ts'
import { makeImage } from '../support/make-image.ts'
import { digestOf, makeOperator, makeRebuild, makeRelease } from '../support/statements.ts'
import { keepImage, startTreeNode, type TreeNode } from '../support/tree-node.ts'
import { waitFor } from '../support/wait-for.ts'

const image = (content: string, mode = 0o644): NormalizedImage =>
  makeImage([
    [
      { path: 'usr/bin/app', content, mode },
      { path: 'etc/motd', content: 'hello' },
    ],
  ])

const digests = (of: NormalizedImage, name: string): ImageDigests => ({
  manifestDigest: digestOf(name),
  normalizedDigest: of.normalizedDigest,
  rootfsDigest: of.rootfsDigest!,
})

const [alice, bob] = [makeOperator('alice'), makeOperator('bob')]
const RELEASE = makeRelease()
const PUBLISHED_DIGEST = RELEASE.statement.body.platforms[0]!.manifestDigest!
const PUBLISHED = image('tampered', 0o4755)
const REBUILT = image('clean')
const published = digests(PUBLISHED, 'published')

/** The base of one of them is another: a mirror gave it under the same name. */
const BASE = 'docker://docker.io/library/debian'
const rebuilds = [alice, bob].map((operator) =>
  makeRebuild({
    operator,
    materials: [{ uri: BASE, digest: digestOf(`base of ${operator.id}`) }],
    release: RELEASE,
    outcome: { kind: 'built', rebuilt: digests(REBUILT, `rebuilt by ${operator.id}`) },
    published: { ...published, manifestDigest: PUBLISHED_DIGEST },
  }),
)

const CONTRADICTED = makeAnswer({
  verdict: 'contradicted',
  decision: 'deny',
  digest: PUBLISHED_DIGEST,
  supporters: [alice, bob].map((operator, i) =>
    makeVoice(['alice', 'bob'][i]!, {
      operator: operator.id,
      sids: [rebuilds[i]!.statement.sid],
      vote: { kind: 'digest', digest: REBUILT.normalizedDigest },
      maps: PUBLISHED.normalizedDigest,
    }),
  ),
})
const QUESTION = { ...CONTRADICTED, repository: CONTRADICTED.image }

function networkOf({ network }: TreeNode): NodeNetwork {
  return {
    peerId: network.peerId,
    addresses: () => network.addresses(),
    peers: () => network.peers(),
    publish: (statement, bytes) => network.publish(statement, bytes),
    publishHead: async () => undefined,
    publishProof: async () => undefined,
    walkTrees: (walk, signal) => network.walkTrees(walk, signal),
    sync: async () => {
      await network.sync()
    },
  }
}

async function startAsker(bootstrap: readonly string[]): Promise<TreeNode> {
  const node = await startTreeNode(bootstrap)
  for (const { bytes } of [RELEASE, ...rebuilds]) await node.ledger.put(bytes)
  return node
}

function divergencesOf(node: TreeNode): Divergences {
  return new Divergences({
    parts: { crypto: nodeCrypto, trees: node.trees, network: networkOf(node) },
    store: node.ledger.store,
    logger: createLogger('silent'),
    found: () => undefined,
  })
}

test('a verdict that turns bad brings the files, as soon as a peer is there that has them', async () => {
  const holder = await startTreeNode()
  const asker = await startAsker([holder.address()])
  const divergences = divergencesOf(asker)
  divergences.consider(CONTRADICTED)
  await divergences.idle()
  expect(await divergences.of(QUESTION)).toEqual([])

  await keepImage(holder.trees, PUBLISHED)
  await keepImage(holder.trees, REBUILT)
  const [found] = await waitFor('the difference is here', async () => {
    divergences.retry()
    await divergences.idle()
    const all = await divergences.of(QUESTION)
    return all.length > 0 && all
  })
  expect(found).toMatchObject({ a: ['published'], b: [alice.id, bob.id], count: 1 })
  expect(divergenceWords(found!, (id) => (id === alice.id ? 'alice' : 'bob'))).toEqual([
    'From what was published to what alice and bob got: 1 difference.',
    expect.stringMatching(
      /^ {2}usr\/bin\/app \(layer 0\): content, mode; mode 4755 → 0644; size 8 B → 5 B; sha256 [0-9a-f]{12} → [0-9a-f]{12}$/,
    ),
  ])
  await divergences.stop()
})

test('a known cause is said to be often one: the path alone tells it', () => {
  const lines = divergenceWords(
    {
      a: ['published'],
      b: [alice.id],
      digestA: 'a',
      digestB: 'b',
      count: 1,
      differences: [changedFile('etc/machine-id', 'a machine id')],
      received: 0,
    },
    () => 'alice',
  )
  expect(lines[1]).toMatch(/ \[often: a machine id\]$/)
})

test('a verdict that is not bad, or turned good again, asks nobody', async () => {
  const asker = await startAsker([])
  await keepImage(asker.trees, PUBLISHED)
  await keepImage(asker.trees, REBUILT)
  const divergences = divergencesOf(asker)
  divergences.consider({ ...CONTRADICTED, verdict: 'pending' })
  await divergences.idle()
  expect(await divergences.of(QUESTION)).toEqual([])
  divergences.consider({ ...CONTRADICTED, verdict: 'diverged' })
  await divergences.idle()
  expect(await divergences.of(QUESTION)).toHaveLength(1)
  await divergences.stop()
})

test('two operators, or one and what was published, are compared by name over the network', async () => {
  const holder = await startTreeNode()
  await keepImage(holder.trees, PUBLISHED)
  await keepImage(holder.trees, REBUILT)
  const asker = await startAsker([holder.address()])
  const signers = new Signers()
  for (const { card } of [alice, bob]) signers.add(card.statement)
  const comparing = new Comparing(
    {
      crypto: nodeCrypto,
      store: asker.ledger.store,
      trees: asker.trees,
      network: networkOf(asker),
      signers,
      nameOf: () => undefined,
    },
    { findRelease: async () => RELEASE.statement },
  )
  const diff = (a: string, b: string, platform?: string) =>
    comparing.diff(
      { release: 'any', a, b, ...(platform === undefined ? {} : { platform }) },
      new AbortController().signal,
    )
  const reply = await waitFor('a peer is asked', () =>
    diff('published', bob.id.slice(0, 12)).catch(() => undefined),
  )
  expect(reply).toMatchObject({
    equal: 'none',
    count: 1,
    a: { operator: null, name: 'published', digest: PUBLISHED.normalizedDigest },
    b: { operator: bob.id, digest: REBUILT.normalizedDigest },
    differences: [{ path: 'usr/bin/app', what: ['content', 'mode'] }],
  })
  expect(reply.moved.received).toBeGreaterThan(0)
  // What came stays here.
  expect((await diff('published', alice.id)).moved).toEqual({ sent: 0, received: 0, peers: 0 })
  expect(reply.inputs).toEqual([])
  const inputs = await diff(alice.id, bob.id)
  expect(inputs).toMatchObject({ equal: 'normalized', count: 0 })
  expect(inputs.inputs).toMatchObject([{ uri: BASE }])
  expect(inputs.inputs[0]?.versions.flatMap(({ who }) => who).sort()).toEqual(['a', 'b'])
  await expect(diff('op1', 'published')).rejects.toMatchObject({ code: 'ambiguous' })
  await expect(diff('carol', 'published')).rejects.toMatchObject({ code: 'not-found' })
  await expect(diff(alice.id, bob.id, 'linux/riscv64')).rejects.toMatchObject({ code: 'not-found' })
})

test('where operators do not agree, what they read is compared as well', async () => {
  const { ledger } = await startAsker([])
  const [supporter, dissenter] = CONTRADICTED.supporters
  const parts = { supporters: [supporter!], dissenters: [dissenter!] }
  const inputs = differingInputs(await recordedInputs(ledger.store, parts))
  const words = inputWords(inputs, (id) => (id === alice.id ? 'alice' : 'bob'))
  expect(words).toHaveLength(2)
  expect(words[1]).toContain(`${BASE}: sha256:`)
  expect(words[1]).toMatch(/for alice; .* for bob|for bob; .* for alice/)
  expect(await recordedInputs(ledger.store, { ...parts, dissenters: [] })).toEqual([])
})
