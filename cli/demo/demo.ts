/**
 * The main job, on this machine: a maintainer announces three releases, four rebuilders that share
 * nothing but the network rebuild them, and a user's node is asked what to make of each image.
 *
 * Everything is real: the builder, the registry, the processes, the network. All of it is stopped
 * and removed at the end, also on Ctrl-C.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { hostPlatform } from '../../node/system/host.ts'
import { ensureTools, installCommand, missingTools } from '../../node/system/packages.ts'
import { readProjectText } from '../../node/project-files.ts'
import type { Recipe } from '../../protocol/recipe.ts'
import { resolveTemplate } from '../../protocol/recipe-template.ts'
import type { Answer } from '../../protocol/verdict/answer.ts'
import { CliError } from '../cli-error.ts'
import { DemoNode } from './demo-node.ts'
import {
  createDemoRepository,
  demoProjectFile,
  ORIGINAL_LINE,
  TAMPERED_LINE,
  type DemoRelease,
} from './demo-project.ts'
import {
  describeOutcome,
  isSettled,
  objections,
  renderOutcomes,
  type DemoOutcome,
} from './demo-verdicts.ts'
import { LocalRegistry } from './local-registry.ts'
import { Publisher } from './publisher.ts'
import { tamperLayout } from './tamper.ts'

export interface DemoOptions {
  readonly json: boolean
  readonly install: boolean
  /** Leave the folders for a look afterwards. */
  readonly keep: boolean
}

/** Rebuilders that must agree before the demo's user believes them. */
const THRESHOLD = 3
const REBUILDERS = ['alpha', 'bravo', 'charlie', 'delta'] as const
const TIMEOUT_MS = 300_000
const POLL_MS = 1000

const LOOPBACK = ['--listen', '/ip4/127.0.0.1/tcp/0', '--no-mdns']

/** Stops in reverse order whatever was started, however it ends. */
class CleanUp {
  readonly #steps: (() => Promise<void>)[] = []

  add(step: () => Promise<void>): void {
    this.#steps.push(step)
  }

  async run(): Promise<void> {
    for (const step of this.#steps.splice(0).reverse()) await step().catch(() => undefined)
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}

/** Exit code: 0 where every verdict is as it must be, 1 where one is not, 130 after Ctrl-C. */
export async function runDemo(options: DemoOptions): Promise<number> {
  if (process.getuid?.() !== 0) {
    throw new CliError(
      'not-available',
      'the demo builds in namespaces of its own, which needs root: run it as root',
    )
  }
  await ensureTools('demo', { install: options.install, say })
  const missing = missingTools('demo')
  if (missing.length > 0) {
    const names = missing.map(({ name }) => name).join(', ')
    throw new CliError('not-available', `${names} not found: ${installCommand(missing)}`)
  }
  const cleanUp = new CleanUp()
  const abort = new AbortController()
  const interrupt = (): void => abort.abort(new Error('interrupted'))
  process.once('SIGINT', interrupt)
  process.once('SIGTERM', interrupt)
  try {
    const outcomes = await runReleases(options, cleanUp, abort.signal)
    const wrong = outcomes.flatMap(objections)
    say('')
    for (const line of renderOutcomes(outcomes)) say(`  ${line}`)
    say('')
    for (const line of wrong) say(`demo: ${line}`)
    if (options.json) {
      const releases = outcomes.map(describeOutcome)
      process.stdout.write(`${JSON.stringify({ ok: wrong.length === 0, releases })}\n`)
    }
    return wrong.length === 0 ? 0 : 1
  } catch (error) {
    if (!abort.signal.aborted) throw error
    say('demo: interrupted; stopping what was started')
    return 130
  } finally {
    await cleanUp.run()
    process.off('SIGINT', interrupt)
    process.off('SIGTERM', interrupt)
  }
}

async function runReleases(
  options: DemoOptions,
  cleanUp: CleanUp,
  signal: AbortSignal,
): Promise<readonly DemoOutcome[]> {
  const root = await mkdtemp(join(tmpdir(), 'rebuildnet-demo-'))
  if (options.keep) say(`kept afterwards: ${root}`)
  else cleanUp.add(() => rm(root, { recursive: true, force: true }))
  const platform = hostPlatform()

  const registry = await LocalRegistry.start(join(root, 'registry'))
  cleanUp.add(() => registry.stop())
  say(`1/5  a registry listens on ${registry.host}; building the base image`)
  const publisher = new Publisher(join(root, 'publisher'), registry.host, platform)
  const base = await publisher.publishBase('demo/base', signal)
  const repository = join(root, 'source')
  const releases = await createDemoRepository(repository, base)
  const image = `${registry.host}/demo/app`

  say('2/5  starting one announcer, four rebuilders and one user, each a process of its own')
  const announcer = new DemoNode({
    name: 'maintainer',
    folder: join(root, 'maintainer'),
    groups: [],
  })
  const user = new DemoNode({ name: 'user', folder: join(root, 'user'), groups: [] })
  const rebuilders = REBUILDERS.map(
    (name) => new DemoNode({ name, folder: join(root, name), groups: [`group-${name}`] }),
  )
  const all = [announcer, ...rebuilders, user]
  await startNodes(all, announcer, rebuilders, cleanUp, signal)

  const projectFile = join(root, 'project.toml')
  const source = `git+file://${repository}`
  const text = demoProjectFile({
    image,
    repository: source,
    announcer: announcer.operator,
    insecure: ['file'],
    platform,
  })
  await writeFile(projectFile, text)
  await Promise.all(
    all.map((node) => {
      const how = rebuilders.includes(node) ? '--trust-recipe' : '--no-build'
      return node.command('follow', projectFile, '--yes', how)
    }),
  )

  say('3/5  the maintainer builds and publishes three releases, and announces them')
  const published = new Map<DemoRelease, string>()
  for (const release of releases) {
    signal.throwIfAborted()
    const where = { image, source, root, recipe: recipeOf(text) }
    const reference = await publishRelease(publisher, release, where, signal)
    published.set(release, reference)
    await announcer.command(
      'announce',
      image,
      '--version',
      release.version,
      '--commit',
      release.commit,
      '--ref',
      `refs/tags/v${release.version}`,
      '--published',
      reference,
    )
    say(`     ${release.version}  ${reference}`)
  }

  say('4/5  the rebuilders are at work; the user asks')
  const outcomes = await waitForVerdicts(user, published, rebuilders.length, signal)
  say('5/5  done')
  return outcomes
}

async function startNodes(
  all: readonly DemoNode[],
  announcer: DemoNode,
  rebuilders: readonly DemoNode[],
  cleanUp: CleanUp,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(all.map((node) => node.init()))
  for (const node of all) await node.trust(rebuilders, THRESHOLD)
  for (const node of all) cleanUp.add(() => node.stop())
  signal.throwIfAborted()
  await announcer.start(LOOPBACK)
  const bootstrap = ['--bootstrap', announcer.address]
  const others = all.filter((node) => node !== announcer)
  await Promise.all(others.map((node) => node.start([...LOOPBACK, ...bootstrap])))
}

/** What the project's own pipeline builds by: the recipe of the project file, resolved. */
function recipeOf(projectFile: string): (commitTime: number) => Recipe {
  const { recipe } = readProjectText(projectFile, 'demo project')
  return (commitTime) => resolveTemplate(recipe, { annotations: {}, labels: {}, commitTime })
}

async function publishRelease(
  publisher: Publisher,
  release: DemoRelease,
  where: { image: string; source: string; root: string; recipe: (commitTime: number) => Recipe },
  signal: AbortSignal,
): Promise<string> {
  const source = { repository: where.source, commit: release.commit }
  const built = await publisher.build(source, where.recipe, where.image, signal)
  const reference = `${where.image}:${release.version}`
  if (release.kind !== 'tampered') return publisher.push(built, reference)
  const tampered = join(where.root, `tampered-${release.version}`)
  await tamperLayout(built, tampered, ORIGINAL_LINE, TAMPERED_LINE)
  return publisher.push(tampered, reference)
}

async function waitForVerdicts(
  user: DemoNode,
  published: ReadonlyMap<DemoRelease, string>,
  rebuilders: number,
  signal: AbortSignal,
): Promise<readonly DemoOutcome[]> {
  const deadline = Date.now() + TIMEOUT_MS
  const shown = new Map<string, string>()
  for (;;) {
    signal.throwIfAborted()
    const outcomes: DemoOutcome[] = []
    for (const [release, reference] of published) {
      const answer = await user.json<Answer>('verify', reference)
      outcomes.push({ release, answer })
      const votes = answer.supporters.length + answer.dissenters.length + answer.unreproduced.length
      const line = `     ${release.version}  ${answer.verdict.padEnd(14)} ${votes} of ${rebuilders} rebuilders have said what they got`
      if (shown.get(release.version) !== line) say(line)
      shown.set(release.version, line)
    }
    if (outcomes.every((outcome) => isSettled(outcome, rebuilders))) return outcomes
    if (Date.now() > deadline) return outcomes
    await delay(POLL_MS, undefined, { signal })
  }
}
