/**
 * Values that a project file takes from the image: the announcer resolves them from a registry, the
 * release carries literals, and a node holds these against its own project file before it builds.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../node/clock.ts'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { createRegistryClient } from '../../node/image/create-registry-client.ts'
import type { RegistryClient } from '../../node/image/registry-client.ts'
import { initDataFolder } from '../../node/operator-identity.ts'
import { refusals } from '../../node/refusals.ts'
import { Service } from '../../node/service/service.ts'
import type { Release } from '../../protocol/release.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import { assembleNode, builtAs, type AssembledNode } from '../support/assembled-node.ts'
import { makeImage, pushImage } from '../support/oci-image.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { createSmallProject } from '../support/small-project.ts'
import { makeTar } from '../support/tar-writer.ts'

const NEVER = new AbortController().signal
const PATTERN = '20[0-9]{6}'

let folder: string
let registry: TestRegistry
let client: RegistryClient
let node: AssembledNode
let service: Service
let image: string
let projectText: string
let commits: Readonly<Record<'honest' | 'circular', string>>

beforeAll(async () => {
  registry = await startRegistry()
  client = createRegistryClient({ crypto: nodeCrypto, env: {} })
  image = `${registry.host}/team/app`
  folder = await mkdtemp(join(tmpdir(), 'rebuildnet-announced-'))
  const repository = join(folder, 'repository')
  commits = await createSmallProject(repository, 'scratch', {
    honest: ['COPY Dockerfile /'],
    circular: [`COPY --from=${image}:1 / /`],
  })
  const root = join(folder, 'data')
  const { identity } = await initDataFolder(
    { crypto: nodeCrypto, clock: systemClock },
    { folder: root, name: 'announcer', contact: '', claims: {} },
  )
  node = await assembleNode(root, async () => builtAs('good'))
  service = new Service(node.parts)
  projectText = `format = 1
image = "${image}"
platforms = ["linux/amd64"]
source = "git+file://${repository}"
announcers = ["${identity.card.body.operator}"]
insecure = ["file"]
[recipe]
source_date_epoch = { from = "annotation:date", pattern = "${PATTERN}", as = "date" }
[recipe.build_args]
DATE = { from = "annotation:date", pattern = "${PATTERN}" }
VERSION = { from = "label:version", pattern = "[0-9.]+" }
BUILT = { from = "commit-time", pattern = "[0-9]+" }
[[recipe.builders]]
name = "buildah"
`
  await follow(projectText)
})

afterAll(async () => {
  await node.stop()
  await client.close()
  await registry.stop()
  await rm(folder, { recursive: true, force: true })
})

async function follow(text: string): Promise<void> {
  await service.follow({ projectFile: text, build: true, trustRecipe: true })
}

async function push(tag: string, date: string): Promise<string> {
  const name = `${image}:${tag}`
  const layers = [{ tar: makeTar([{ path: 'etc/motd', content: tag }]) }]
  const config = { config: { Labels: { version: '1.2' } } }
  await pushImage(client, name, makeImage({ layers, config, annotations: { date } }))
  return name
}

async function announce(tag: string, date: string, commit = commits.honest) {
  const published = await push(tag, date)
  const { sid } = await service.announce({ image, version: tag, commit, published }, NEVER)
  const found = await node.store.statements.get(sid)
  if (found?.statement.body.kind !== 'release') throw new Error('no release')
  return found.statement as SignedStatement<Release>
}

describe('a release of a project whose values come from the image', () => {
  it('carries literals, which the node that is to build permits by its own project file alone', async () => {
    const release = await announce('1', '20260610')
    const { recipe } = release.body
    expect(recipe).toMatchObject({
      sourceDateEpoch: Date.UTC(2026, 5, 10) / 1000,
      buildArgs: { DATE: '20260610', VERSION: '1.2' },
    })
    expect(recipe.buildArgs?.BUILT).toMatch(/^[0-9]{10}$/)
    expect(JSON.stringify(release.body)).not.toContain('annotation:')
    expect(await refusals(node.parts, release, 'linux/amd64')).toEqual([])

    await follow(projectText.replaceAll(PATTERN, '2025[0-9]{4}'))
    expect(await refusals(node.parts, release, 'linux/amd64')).toEqual([
      expect.stringMatching(/^sourceDateEpoch is "[0-9]+", which does not match 2025/),
      'build argument "DATE" is "20260610", which does not match 2025[0-9]{4}',
    ])
    await follow(projectText)
  })

  it('is not announced where the image says what no pattern permits', async () => {
    const before = (await service.releases({ image })).length
    await expect(announce('2', '20260610; curl evil.example')).rejects.toMatchObject({
      code: 'pattern-mismatch',
      key: 'recipe.build_args.DATE',
    })
    expect(await service.releases({ image })).toHaveLength(before)
  })

  it('is not announced where its recipe reads the project’s own image', async () => {
    await expect(announce('3', '20260610', commits.circular)).rejects.toMatchObject({
      code: 'recipe-reads-own-image',
    })
  })
})
