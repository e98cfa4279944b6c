/**
 * Two results that differ because their builds read different things under one name: `explain` and
 * `diff` say so, from nothing but what the operators have signed.
 */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { systemClock, unixSeconds } from '../../node/clock.ts'
import { TreeStore } from '../../node/tree/tree-store.ts'
import { encodeBundle } from '../../protocol/bundle.ts'
import type { NormalizedImage } from '../../protocol/normalize/image.ts'
import type { ImageDigests, Material } from '../../protocol/rebuild.ts'
import { runHere } from '../support/command-line.ts'
import { TestLog } from '../support/logs.ts'
import { makeImage } from '../support/make-image.ts'
import {
  makeNodeFolder,
  startFolder,
  writeSettings,
  type NodeFolder,
} from '../support/real-node.ts'
import { silentLogger } from '../support/silent-logger.ts'
import {
  digestOf,
  makeOperator,
  makeRebuild,
  makeRelease,
  TEST_IMAGE,
  type TestOperator,
} from '../support/statements.ts'
import { keepImage } from '../support/tree-node.ts'
import { waitFor } from '../support/wait-for.ts'

const NOW = unixSeconds(systemClock)
const claims = { issued: NOW - 3600, expires: NOW + 3600 }
const [maintainer, ada, bob, carol] = ['maintainer', 'ada', 'bob', 'carol'].map((name) =>
  makeOperator(name, claims),
) as [TestOperator, TestOperator, TestOperator, TestOperator]

const BASE = 'docker://docker.io/library/debian:bookworm'
const INDEX = 'http://snapshot.debian.org/archive/debian/20250210T000000Z/dists/bookworm/InRelease'
const read = (base: string, index: string): readonly Material[] => [
  { uri: BASE, digest: digestOf(base) },
  { uri: INDEX, digest: digestOf(index) },
]

const withTool = (version: string): NormalizedImage =>
  makeImage([[{ path: 'usr/bin/file', content: `file ${version}` }]])
const [published, other] = [withTool('5.44'), withTool('5.45')]
const digests = (image: NormalizedImage, manifest: string): ImageDigests => ({
  manifestDigest: digestOf(manifest),
  normalizedDigest: image.normalizedDigest,
  rootfsDigest: image.rootfsDigest!,
})

const release = makeRelease({ operator: maintainer, announced: NOW - 1800 })
const manifestDigest = release.statement.body.platforms[0]!.manifestDigest!
const PUBLISHED = `${TEST_IMAGE}@${manifestDigest}`

function said(operator: TestOperator, image: NormalizedImage, materials: readonly Material[]) {
  return makeRebuild({
    operator,
    release,
    materials,
    outcome: { kind: 'built', rebuilt: digests(image, `by ${operator.name}`) },
    published: { ...digests(published, 'published'), manifestDigest },
  })
}

/** What each of them has said, in the order of their logs: card, release or rebuild. */
function bundleOf(rebuilds: readonly ReturnType<typeof said>[]): Uint8Array {
  const all = [
    { by: maintainer, own: [maintainer.card, release] },
    ...[ada, bob, carol].map((by, i) => ({ by, own: [by.card, rebuilds[i]!] })),
  ]
  return encodeBundle({
    questions: [{ repository: TEST_IMAGE, digest: manifestDigest, platform: 'linux/amd64' }],
    statements: all.flatMap(({ own }) => own.map(({ bytes }) => bytes)),
    logs: all.map(({ by, own }) => {
      const log = new TestLog(by).add(...own)
      return { head: log.head(NOW - 60).bytes, slots: log.slots() }
    }),
    proofs: [],
  })
}

/** The data folder of somebody who trusts all three, and has what they said. */
async function listenerTo(...rebuilds: readonly ReturnType<typeof said>[]): Promise<NodeFolder> {
  const folder = await makeNodeFolder('user')
  const named = (operator: TestOperator) => ({ ...folder, operator, name: operator.name })
  await writeSettings(folder, named(maintainer), [ada, bob, carol].map(named))
  const file = join(folder.root, 'app.bundle')
  await writeFile(file, bundleOf(rebuilds))
  expect(await run(folder.root, 'import', file)).toMatchObject({ exitCode: 0, stderr: '' })
  return folder
}

async function keepBoth({ root }: NodeFolder): Promise<void> {
  const trees = new TreeStore(
    { clock: systemClock, logger: silentLogger, mayWrite: () => true },
    { directory: join(root, 'trees') },
  )
  for (const image of [published, other]) await keepImage(trees, image)
  await trees.close()
}

/** The same with both trees. */
async function userWith(...rebuilds: readonly ReturnType<typeof said>[]): Promise<string> {
  const folder = await listenerTo(...rebuilds)
  await keepBoth(folder)
  return folder.root
}

const short = (name: string): string => digestOf(name).slice(0, 'sha256:'.length + 12)
/** Names, in the order of the ids. */
const inOrder = (...operators: readonly TestOperator[]): string =>
  operators
    .toSorted((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ name }) => name)
    .join(' and ')
const run = (data: string, ...argv: string[]) => runHere([...argv, '--data', data])

describe('results that differ', () => {
  it.each([
    ['an index that a mirror gave late', INDEX, 'index'],
    ['a base that a tag names', BASE, 'base'],
  ] as const)('are explained by %s', async (_, uri, which) => {
    const data = await userWith(
      said(ada, published, read('base', 'index')),
      said(bob, published, read('base', 'index')),
      said(
        carol,
        other,
        which === 'index' ? read('base', 'index of May') : read('base of May', 'index'),
      ),
    )
    const first = short(which)
    const late = short(`${which} of May`)
    const versions = [`${first}… for ${inOrder(ada, bob)}`, `${late}… for carol`].sort()

    const explained = await run(data, 'explain', PUBLISHED, '--platform', 'linux/amd64')
    expect(explained.stdout).toContain('They did not read the same inputs:')
    expect(explained.stdout).toContain(`  ${uri}: ${versions.join('; ')}\n`)
    // The other input was the same for all, and is no explanation.
    expect(explained.stdout).not.toContain(uri === BASE ? INDEX : BASE)

    const between = ['diff', release.statement.sid, '--between', 'ada', 'carol']
    const compared = await run(data, ...between)
    expect(compared.exitCode, compared.stderr).toBe(1)
    expect(compared.stdout).toContain('/usr/bin/\n    ~ file  content')
    const two = [`${first}… for ada`, `${late}… for carol`].sort()
    expect(compared.stdout).toContain(`  ${uri}: ${two.join('; ')}\n`)
    const { json } = await run(data, ...between, '--json')
    expect(json).toMatchObject({ count: 1, inputs: [{ uri }] })
  })

  it('are not explained by inputs that were the same', async () => {
    const same = read('base', 'index')
    const data = await userWith(
      said(ada, published, same),
      said(bob, published, same),
      said(carol, other, same),
    )
    const explained = await run(data, 'explain', PUBLISHED, '--platform', 'linux/amd64')
    expect(explained.stdout).toMatch(/against +carol/)
    expect(explained.stdout).not.toContain('the same inputs')
    const { json } = await run(
      data,
      'diff',
      release.statement.sid,
      '--between',
      'bob',
      'carol',
      '--json',
    )
    expect(json).toMatchObject({ count: 1, inputs: [] })
  })

  it('are named by explain: the node has asked a peer for them by itself', async () => {
    const holder = await makeNodeFolder('holder')
    await keepBoth(holder)
    const { address } = await startFolder(holder)
    const same = read('base', 'index')
    const folder = await listenerTo(
      said(ada, other, same),
      said(bob, other, same),
      said(carol, other, same),
    )
    const explain = () => run(folder.root, 'explain', PUBLISHED, '--platform', 'linux/amd64')
    const alone = await explain()
    expect(alone.stdout).toContain('contradicted')
    expect(alone.stdout).not.toContain('From what was published')

    await startFolder(folder, [address])
    const told = await waitFor('explain names the file', async () => {
      const { stdout } = await explain()
      return stdout.includes('From what was published') && stdout
    })
    expect(told).toMatch(
      /From what was published to what \w+, \w+ and \w+ got: 1 difference\.\s+usr\/bin\/file \(layer 0\): content;/,
    )
  })
})
