import { describe, expect, it } from 'vitest'
import {
  Rebuilder,
  type ColdBuild,
  type PublishedFetch,
  type RebuildWork,
} from '../../../../node/rebuild/rebuilder.ts'
import type { ImageDigests, Rebuild } from '../../../../protocol/rebuild.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const environment = {
  builder: 'buildah',
  builderVersion: '1.28.2',
  kernel: '6.1',
  cpu: 'x',
  emulated: false,
}
const digests = (name: string, manifest = name): ImageDigests => ({
  manifestDigest: `sha256:${manifest.repeat(64).slice(0, 64)}`,
  normalizedDigest: `rebuildnet/1:sha256:${name.repeat(64).slice(0, 64)}`,
  rootfsDigest: `rebuildnet/1:sha256:${name.repeat(64).slice(0, 64)}`,
})
const built = (name: string, manifest = name): ColdBuild<string> => ({
  kind: 'built',
  digests: digests(name, manifest),
  image: name,
  materials: [],
  logDigest: undefined,
  environment,
})
const failed = (failure: 'recipe' | 'infrastructure'): ColdBuild<string> => ({
  kind: 'failed',
  stage: 'build',
  class: failure,
  message: `${failure} failed`,
  logDigest: undefined,
  environment,
})
const fetched = (name: string): PublishedFetch<string> => ({
  kind: 'fetched',
  digests: digests(name),
  image: name,
})

async function rebuild(
  builds: readonly ColdBuild<string>[],
  published: PublishedFetch<string>,
  attempt = 1,
  earlier?: ImageDigests,
  doubted = false,
  completes?: ImageDigests,
): Promise<{ statements: Rebuild[]; end: unknown; builds: number }> {
  const statements: Rebuild[] = []
  let next = 0
  const rebuilder = new Rebuilder<string>({
    clock: new ManualClock(),
    buildCold: async () => {
      const build = builds[next++]
      if (build === undefined) throw new Error('one build too many')
      return build
    },
    fetchPublished: async () => published,
    compare: (a, b) => ({ count: 1, paths: [`${a}-${b}`] }),
    publish: async (body) => {
      statements.push(body)
      return 'ef'.repeat(32)
    },
  })
  const work: RebuildWork = {
    sid: 'ab'.repeat(32),
    release: {
      kind: 'release',
      image: 'registry.example/app',
      version: '1',
      source: {
        repository: 'git+https://example.org/app',
        commit: 'a'.repeat(40),
        ref: 'refs/heads/main',
      },
      recipe: { builders: [{ name: 'buildah' }], dockerfile: 'Dockerfile', context: '.' },
      platforms: [{ platform: 'linux/amd64', manifestDigest: digests('a').manifestDigest }],
      announced: 1,
    },
    platform: 'linux/amd64',
    profile: 'rebuildnet/1',
    inputDigest: '1'.repeat(64),
    supersedes: [],
    attempt,
    ...(earlier === undefined ? {} : { earlier }),
    doubted,
    ...(completes === undefined
      ? {}
      : { completes: { sid: 'cd'.repeat(32), rebuilt: completes, environment, materials: [] } }),
  }
  const end = await rebuilder.rebuild(work, () => undefined, new AbortController().signal)
  return { statements, end, builds: next }
}

describe('a rebuild', () => {
  it('publishes after one build what equals the published image', async () => {
    const { statements, builds } = await rebuild([built('a', 'b')], fetched('a'))
    expect(builds).toBe(1)
    expect(statements[0]).toMatchObject({ outcome: { kind: 'built' }, published: digests('a') })
    expect(statements[0]?.differences).toBeUndefined()
  })

  it('builds a different result once more, and publishes it with the files that differ', async () => {
    const { statements, builds } = await rebuild([built('b'), built('b')], fetched('a'))
    expect(builds).toBe(2)
    expect(statements[0]).toMatchObject({
      outcome: { kind: 'built', rebuilt: digests('b') },
      differences: { count: 1, paths: ['b-a'] },
    })
  })

  describe('of what this node built before it was out', () => {
    const completed = (
      was: ImageDigests,
      published: PublishedFetch<string>,
      ...builds: ColdBuild<string>[]
    ) => rebuild(builds, published, 1, was, false, was)
    const completes = 'cd'.repeat(32)

    it('builds nothing where it is what was published, and says so beside it', async () => {
      const { statements, builds } = await completed(digests('a', 'b'), fetched('a'))
      expect(builds).toBe(0)
      expect(statements).toHaveLength(1)
      expect(statements[0]).toMatchObject({
        completes,
        outcome: { kind: 'built', rebuilt: digests('a', 'b') },
        publishedDigest: digests('a').manifestDigest,
        published: digests('a'),
        supersedes: [],
      })
    })

    it('needs no registry where it is so bit for bit', async () => {
      const gone = { kind: 'gone', reason: 'no such image' } as const
      const { statements, builds } = await completed(digests('a'), gone)
      expect(builds).toBe(0)
      expect(statements[0]).toMatchObject({ completes, published: digests('a') })
    })

    it('builds again before it says that something else was published', async () => {
      const { statements, builds } = await completed(digests('b'), fetched('a'), built('b'))
      expect(builds).toBe(1)
      expect(statements[0]).toMatchObject({
        completes,
        outcome: { kind: 'built', rebuilt: digests('b') },
        differences: { count: 1, paths: ['b-a'] },
      })
    })

    it('completes nothing where it gets something else now', async () => {
      const now = [built('c'), built('c')]
      const { statements } = await completed(digests('b'), fetched('a'), ...now)
      expect(statements[0]).toMatchObject({ outcome: { rebuilt: digests('c') } })
      expect(statements[0]?.completes).toBeUndefined()
    })
  })

  it('takes an own earlier build of the same input for the first of the two', async () => {
    const confirmed = await rebuild([built('b')], fetched('a'), 1, digests('b'))
    expect(confirmed.builds).toBe(1)
    expect(confirmed.statements[0]?.outcome).toEqual({ kind: 'built', rebuilt: digests('b') })
    const unlike = await rebuild([built('b'), built('c')], fetched('a'), 1, digests('d'))
    expect(unlike.statements[0]?.outcome.kind).toBe('unstable')
  })

  it('builds twice what it found unstable before, even where the first build agrees', async () => {
    const alike = await rebuild([built('a'), built('a')], fetched('a'), 1, undefined, true)
    expect(alike.builds).toBe(2)
    expect(alike.statements[0]?.outcome.kind).toBe('built')
    const unlike = await rebuild([built('a'), built('b')], fetched('a'), 1, undefined, true)
    expect(unlike.statements[0]?.outcome.kind).toBe('unstable')
  })

  it('calls it unstable when its own two cold builds differ', async () => {
    const { statements } = await rebuild([built('b'), built('c')], fetched('a'))
    expect(statements[0]?.outcome).toEqual({
      kind: 'unstable',
      rebuilt: [digests('b'), digests('c')],
    })
    expect(statements[0]?.differences).toBeUndefined()
  })

  it('publishes a failure of the recipe only after the second cold build failed too', async () => {
    const { statements, builds } = await rebuild([failed('recipe'), failed('recipe')], fetched('a'))
    expect(builds).toBe(2)
    expect(statements[0]?.outcome).toEqual({ kind: 'failed', stage: 'build', class: 'recipe' })
  })

  it.each([
    ['the first build', [failed('infrastructure')]],
    ['the second build', [built('b'), failed('infrastructure')]],
    ['one of two builds', [failed('recipe'), built('b')]],
  ])('is no vote when the machine failed in %s', async (_name, builds) => {
    const { statements, end } = await rebuild(builds, fetched('a'))
    expect(statements).toEqual([])
    expect(end).toMatchObject({ kind: 'infrastructure' })
  })

  it('waits for a registry that does not answer, and in the end publishes without it', async () => {
    const down: PublishedFetch<string> = { kind: 'unreachable', reason: 'connection refused' }
    const early = await rebuild([built('b')], down, 1)
    expect(early.statements).toEqual([])
    expect(early.end).toMatchObject({ kind: 'infrastructure' })
    const late = await rebuild([built('b')], down, 3)
    expect(late.statements[0]?.published).toEqual({ unfetched: true })
  })

  it('needs no registry where its own manifest is the published one', async () => {
    const { statements } = await rebuild([built('a')], { kind: 'unreachable', reason: 'down' })
    expect(statements[0]?.published).toEqual(digests('a'))
  })

  it('says the code of a published image that has no digest, after a second build', async () => {
    const { statements, builds } = await rebuild([built('b'), built('b')], {
      kind: 'error',
      code: 'tar-duplicate',
    })
    expect(builds).toBe(2)
    expect(statements[0]?.published).toEqual({ error: 'tar-duplicate' })
  })
})
