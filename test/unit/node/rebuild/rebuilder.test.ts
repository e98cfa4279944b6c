import { describe, expect, it } from 'vitest'
import { Rebuilder, type RebuildWork } from '../../../../node/rebuild/rebuilder.ts'
import type { ColdBuild, PublishedFetch } from '../../../../node/rebuild/settlement.ts'
import type { KeptBuild, KeptBuilds } from '../../../../node/rebuild/build-journal.ts'
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
  { kept, doubts = false }: { kept?: KeptBuilds; doubts?: boolean } = {},
): Promise<{
  statements: Rebuild[]
  end: unknown
  builds: number
  journal: (KeptBuilds | undefined)[]
}> {
  const journal: (KeptBuilds | undefined)[] = []
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
    keep: async (builds) => void journal.push(builds),
    doubtMachine: async () => doubts,
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
    ...(kept === undefined ? {} : { kept }),
    ...(completes === undefined
      ? {}
      : { completes: { sid: 'cd'.repeat(32), rebuilt: completes, environment, materials: [] } }),
  }
  const end = await rebuilder.rebuild(work, () => undefined, new AbortController().signal)
  return { statements, end, builds: next, journal }
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

describe('a rebuild that was interrupted', () => {
  const keptBuild = (build: ColdBuild<string>): KeptBuild => {
    if (build.kind === 'failed') return build
    const { image: _, ...rest } = build
    return rest
  }
  const kept = (...builds: ColdBuild<string>[]): KeptBuilds => ({
    started: 1_700_000_000,
    builds: builds.map(keptBuild),
  })
  const resume = (
    builds: readonly ColdBuild<string>[],
    published: PublishedFetch<string>,
    earlier: KeptBuilds,
  ) => rebuild(builds, published, 1, undefined, false, undefined, { kept: earlier })

  it('keeps what each build gave, and lets go of it when it is said', async () => {
    const { journal } = await rebuild([built('b'), built('b')], fetched('a'))
    const differences = { count: 1, paths: ['b-a'] }
    expect(journal).toEqual([
      { started: 1_800_000_000, builds: [keptBuild(built('b'))], differences },
      { started: 1_800_000_000, builds: [built('b'), built('b')].map(keptBuild), differences },
      undefined,
    ])
  })

  it('goes on with the second build after the first, whose differences it knows', async () => {
    const differences = { count: 7, paths: ['etc/passwd'] }
    const before = { ...kept(built('b')), differences }
    const { statements, builds } = await resume([built('b')], fetched('a'), before)
    expect(builds).toBe(1)
    expect(statements[0]).toMatchObject({
      outcome: { kind: 'built', rebuilt: digests('b') },
      started: 1_700_000_000,
      differences,
    })
  })

  it('takes the differences from the second image where the first could not be compared', async () => {
    const { statements } = await resume([built('b')], fetched('a'), kept(built('b')))
    expect(statements[0]?.differences).toEqual({ count: 1, paths: ['b-a'] })
  })

  it.each([
    ['one that is what was published', kept(built('a')), 'built'],
    ['two alike', kept(built('b'), built('b')), 'built'],
    ['two that differ', kept(built('b'), built('c')), 'unstable'],
    ['two failures', kept(failed('recipe'), failed('recipe')), 'failed'],
  ])('builds nothing after %s', async (_name, before, outcome) => {
    const { statements, builds, journal } = await resume([], fetched('a'), before)
    expect(builds).toBe(0)
    expect(statements[0]?.outcome.kind).toBe(outcome)
    expect(journal).toEqual([undefined])
  })

  it('keeps the first build where the machine fails in the second', async () => {
    const { journal } = await rebuild([built('b'), failed('infrastructure')], fetched('a'))
    expect(journal).toHaveLength(1)
    expect(journal[0]?.builds).toHaveLength(1)
  })

  it('lets go of two builds of which one failed: neither says anything', async () => {
    const { journal, end } = await rebuild([failed('recipe'), built('b')], fetched('a'))
    expect(journal.at(-1)).toBeUndefined()
    expect(end).toMatchObject({ kind: 'infrastructure' })
  })

  it('says nothing of two that differ where it is this machine', async () => {
    const builds = [built('b'), built('c')]
    const doubted = { doubts: true }
    const ran = await rebuild(builds, fetched('a'), 1, undefined, false, undefined, doubted)
    expect(ran.statements).toEqual([])
    expect(ran.end).toMatchObject({ kind: 'later' })
  })
})
