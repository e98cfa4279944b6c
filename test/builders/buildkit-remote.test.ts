/** Two real BuildKit daemons behind one node: builds are spread over both, and outlive one of them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { BuilderPool } from '../../node/rebuild/builder-pool.ts'
import { BuildKit } from '../../node/rebuild/buildkit.ts'
import { findKit } from '../support/buildkit.ts'
import { TestDaemon } from '../support/buildkit-daemon.ts'
import { BUILDER_TOOLS, describeNeeds } from './needs.ts'
import { readLayout, SHELL_BASE, Workshop } from './workshop.ts'

const { runs, words } = describeNeeds(BUILDER_TOOLS)
const found = findKit('buildkit')

describe.runIf(runs)(`BuildKit elsewhere${words}`, () => {
  if ('unavailable' in found) {
    it(`unavailable: ${found.unavailable}`, () => {
      expect(found.unavailable).not.toBe('')
    })
    return
  }
  const kit = found
  const programs = kit.folder
  const never = new AbortController().signal
  let workshop: Workshop
  let daemons: readonly TestDaemon[] = []

  beforeAll(async () => {
    workshop = await Workshop.open()
    daemons = await Promise.all([1, 2].map(() => TestDaemon.start(programs, '127.0.0.1:9')))
  })
  afterAll(async () => {
    for (const daemon of daemons) await daemon.stop()
    await workshop.close()
  })

  const makePool = () =>
    new BuilderPool(
      daemons.map(({ address }) => new BuildKit({ programs, remote: { address, slots: 1 } })),
    )

  async function build(pool: BuilderPool) {
    const source = await workshop.makeSource({
      Dockerfile: `${SHELL_BASE}RUN --mount=type=cache,target=/cache ls /cache | wc -l > /seen; echo x > /cache/x\n`,
    })
    const job = await workshop.makeJob(source)
    const pooled = await pool.run(
      [{ name: 'buildkit', version: kit.version }],
      job.platform,
      ({ builder }) => builder.build(job, never),
      never,
    )
    if (pooled?.result.kind !== 'built') throw new Error(JSON.stringify(pooled?.result))
    const { version, emulated, image } = pooled.result
    const { manifestDigest } = await readLayout(image)
    return { place: pooled.chosen.builder.place, version, emulated, manifestDigest }
  }

  it('shares builds, which come out the same, and see nothing of one another', async () => {
    const pool = makePool()
    const results = await Promise.all([1, 2, 3].map(() => build(pool)))
    const counts = await Promise.all(daemons.map((daemon) => daemon.builds()))
    expect([...counts].sort()).toEqual([1, 2])
    // Also what a cache mount holds: the third build found it as empty as the first two.
    expect(new Set(results.map(({ manifestDigest }) => manifestDigest)).size).toBe(1)
    expect(results[0]).toMatchObject({ version: kit.version, emulated: false })
  })

  it('says of a daemon that does not keep to the recipe’s version that it differs', async () => {
    const [daemon] = daemons
    const builder = new BuildKit({ programs, remote: { address: daemon!.address, slots: 1 } })
    const source = await workshop.makeSource({ Dockerfile: SHELL_BASE })
    const recipe = { builders: [{ name: 'buildkit' as const, version: '0.1' }] }
    const job = await workshop.makeJob(source, recipe)
    expect(await builder.build(job, never)).toMatchObject({ code: 'builder-differs' })
  })

  it('goes on with the other one when a daemon dies', async () => {
    const pool = makePool()
    await pool.available()
    const [first, second] = daemons
    await first!.kill()
    expect((await build(pool)).place).toBe(second!.address)
  })
})
