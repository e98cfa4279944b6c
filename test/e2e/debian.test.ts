/**
 * A real Debian image, published once, rebuilt by three nodes; then the same with one file of a
 * package altered in the published image.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DemoNode, runCommand } from '../../cli/demo/demo-node.ts'
import { demoProjectFile } from '../../cli/demo/demo-project.ts'
import { LocalRegistry } from '../../cli/demo/local-registry.ts'
import { Publisher } from '../../cli/demo/publisher.ts'
import { tamperLayout } from '../../cli/demo/tamper.ts'
import { readProjectText } from '../../node/project-files.ts'
import { hostPlatform } from '../../node/system/host.ts'
import { missingTools } from '../../node/system/packages.ts'
import { resolveTemplate } from '../../protocol/recipe-template.ts'
import type { Answer } from '../../protocol/verdict/answer.ts'
import { createDebianBase, createDebianProject, PACKAGE_FILE } from '../support/debian-image.ts'
import { waitFor } from '../support/wait-for.ts'

const missing = missingTools('test').map(({ name }) => name)
/** What the steps of the build may reach, and no more. */
const MIRRORS = ['deb.debian.org', 'security.debian.org']
const REBUILDERS = ['one', 'two', 'three']

interface Session {
  readonly root: string
  readonly nodes: readonly DemoNode[]
  readonly announcer: DemoNode
  readonly image: string
  readonly commit: string
  readonly publisher: Publisher
  readonly layout: string
}

// Skipped only where the tools are neither installed nor installable: never in CI.
describe.skipIf(missing.length > 0)(
  `a Debian image (needs ${missing.join(', ') || 'nothing more'})`,
  () => {
    let session: Session
    let honest: string

    // What was set up goes also where setting up failed half-way, or took too long and goes on.
    const undo: (() => Promise<unknown>)[] = []
    const ending = new AbortController()
    beforeAll(async () => {
      session = await setUp(undo, ending.signal)
    })
    afterAll(async () => {
      ending.abort()
      for (const step of undo.reverse()) await step()
    })

    async function announce(version: string, reference: string): Promise<void> {
      const { announcer, image, commit } = session
      await announcer.command(
        ...['announce', image, '--version', version, '--commit', commit],
        ...['--ref', 'refs/heads/main', '--published', reference],
      )
    }

    async function settled(reference: string): Promise<Answer> {
      const [user] = session.nodes
      return waitFor(
        `three results for ${reference}`,
        async () => {
          const answer = await user!.json<Answer>('verify', reference)
          // Votes on the same input may be known from another release of it; what they say of
          // this image comes with the result for this release.
          const voices = [...answer.supporters, ...answer.dissenters]
          const said = voices.filter(({ maps }) => maps !== undefined)
          // And the heads above them: an answer that stands is one of fresh operators.
          const isWhole = said.length >= REBUILDERS.length && answer.freshness === 'fresh'
          return isWhole ? answer : undefined
        },
        { deadlineMs: 600_000 },
      )
    }

    it('is rebuilt to the same digests by three nodes, and the published image normalizes to them', async () => {
      honest = await session.publisher.push(session.layout, `${session.image}:1.0.0`)
      await announce('1.0.0', honest)
      const answer = await settled(honest)
      expect(answer, story(answer)).toMatchObject({ verdict: 'reproduced', decision: 'allow' })
      expect(answer.supporters).toHaveLength(REBUILDERS.length)
      const { stdout } = await runCommand(['normalize', honest, '--json'])
      const { normalizedDigest } = JSON.parse(stdout) as { normalizedDigest: string }
      for (const { vote, maps } of answer.supporters) {
        const digest = 'digest' in vote ? vote.digest : undefined
        expect(maps).toBe(digest)
        if (answer.level === 'normalized') expect(digest).toBe(normalizedDigest)
      }
    })

    it('is contradicted, naming the file, when one package file was altered after the build', async () => {
      const altered = join(session.root, 'altered')
      await tamperLayout(session.layout, altered, PACKAGE_FILE.original, PACKAGE_FILE.altered)
      const reference = await session.publisher.push(altered, `${session.image}:1.0.1`)
      await announce('1.0.1', reference)
      const answer = await settled(reference)
      expect(answer, story(answer)).toMatchObject({ verdict: 'contradicted', decision: 'deny' })
      const named = [...answer.supporters, ...answer.dissenters].flatMap(
        (voice) => voice.differences?.paths ?? [],
      )
      expect(new Set(named)).toEqual(new Set([PACKAGE_FILE.path]))
      const [user] = session.nodes
      expect((await user!.command('explain', reference)).stdout).toContain(PACKAGE_FILE.path)
      // The honest image of the same source is still what it was.
      expect(await user!.json('verify', honest)).toMatchObject({
        verdict: 'reproduced',
        decision: 'allow',
      })
    })
  },
)

/** Who got what, for the message of a test that fails. */
function story(answer: Answer): string {
  const voices = [...answer.supporters, ...answer.dissenters, ...answer.unreproduced]
  return JSON.stringify(voices, undefined, 1)
}

/** `undo`: how to take away what is there so far, to be called from its end. */
async function setUp(undo: (() => Promise<unknown>)[], signal: AbortSignal): Promise<Session> {
  const root = await mkdtemp(join(tmpdir(), 'rebuildnet-debian-'))
  undo.push(() => rm(root, { recursive: true, force: true }))
  const platform = hostPlatform()
  const registry = await LocalRegistry.start(join(root, 'registry'))
  undo.push(() => registry.stop())
  const publisher = new Publisher(join(root, 'publisher'), registry.host, platform, MIRRORS)
  await createDebianBase(join(root, 'base'))
  const base = await publisher.publishFolder(join(root, 'base'), 'library/debian', signal)
  const repository = join(root, 'source')
  const commit = await createDebianProject(repository, base)
  const image = `${registry.host}/demo/converter`
  const nodes = REBUILDERS.map(
    (name) => new DemoNode({ name, folder: join(root, name), groups: [name] }),
  )
  const announcer = new DemoNode({ name: 'announcer', folder: join(root, 'announcer'), groups: [] })
  const all = [...nodes, announcer]
  undo.push(() => Promise.all(all.map((node) => node.stop())))
  await Promise.all(all.map((node) => node.init()))
  const text = demoProjectFile({
    image,
    repository: `git+file://${repository}`,
    announcer: announcer.operator,
    // A mirror may be inside of the network that the tests run in.
    insecure: ['file', ...MIRRORS],
    platform,
  }).replace('network = "none"', `egress = ${JSON.stringify(MIRRORS)}`)
  const projectFile = join(root, 'project.toml')
  await writeFile(projectFile, text)
  const loopback = ['--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns']
  for (const node of all) await node.trust(nodes, 2)
  await announcer.command('follow', projectFile, '--yes', '--no-build')
  signal.throwIfAborted()
  await announcer.start(loopback)
  for (const node of nodes) {
    await node.command('follow', projectFile, '--yes', '--trust-recipe')
    signal.throwIfAborted()
    await node.start([...loopback, '--bootstrap', announcer.address])
  }
  const { recipe } = readProjectText(text, 'project')
  const layout = await publisher.build(
    { repository: `git+file://${repository}`, commit },
    (commitTime) => resolveTemplate(recipe, { annotations: {}, labels: {}, commitTime }),
    image,
    signal,
  )
  return { root, nodes, announcer, image, commit, publisher, layout }
}
