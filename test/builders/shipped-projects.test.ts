/**
 * The project files that are shipped: linted as anybody would, and built. Where what they start from
 * cannot be had everywhere, another address stands in its place, and nothing else.
 */
import { execFileSync } from 'node:child_process'
import { cp, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readProjectText } from '../../node/project-files.ts'
import { BuildKit } from '../../node/rebuild/buildkit.ts'
import type { BuildJob } from '../../node/rebuild/builder.ts'
import { resolveTemplate } from '../../protocol/recipe-template.ts'
import { findKit } from '../support/buildkit.ts'
import { runHere } from '../support/command-line.ts'
import { dangerzoneSource } from '../support/dangerzone-source.ts'
import { startDebianArchive, type DebianArchive } from '../support/debian-archive.ts'
import { createDebianBase } from '../support/debian-image.ts'
import { makeImage } from '../support/oci-image.ts'
import { publishImage } from '../support/publish-image.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { makeOperator } from '../support/statements.ts'
import { temporaryFolder } from '../support/temporary-store.ts'
import { BUILDER_TOOLS, DEEP, describeNeeds } from './needs.ts'
import { listEntries, readEntry, readLayout, Workshop } from './workshop.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
const FOLDER = join(ROOT, 'docker/projects')

describe('the shipped project files', () => {
  it.each([
    ['dangerzone.toml', dangerzoneSource],
    ['debian.toml', async () => join(FOLDER, 'debian')],
    ['rebuildnet.toml', async () => ROOT],
  ])('%s has every input pinned, as "project lint" says', async (name, source) => {
    const file = join(await temporaryFolder(), name)
    const announcers = `announcers = ["${makeOperator('announcer').id}"]`
    const text = readFileSync(join(FOLDER, name), 'utf8')
    await writeFile(file, text.replace('announcers = []', announcers))
    const ran = await runHere(['project', 'lint', file, '--source', await source()])
    expect(ran).toMatchObject({
      exitCode: 0,
      stdout: 'every input that can be read is pinned\n',
      stderr: '',
    })
  })
})

const { runs, words } = describeNeeds(['mmdebstrap', ...BUILDER_TOOLS])
const kit = findKit('buildkit')

/** Half a minute for the base alone. */
const whenDeep = DEEP ? describe.runIf(runs) : () => undefined

whenDeep(`the shipped recipes, built${words}`, () => {
  if ('unavailable' in kit) {
    it(`unavailable: ${kit.unavailable}`, () => {
      expect(kit.unavailable).not.toBe('')
    })
    return
  }
  const builder = new BuildKit({ programs: kit.folder })
  const never = new AbortController().signal
  let archive: DebianArchive
  let registry: TestRegistry
  let workshop: Workshop
  let base = ''
  beforeAll(async () => {
    workshop = await Workshop.open()
    registry = await startRegistry()
    archive = await startDebianArchive()
    await createDebianBase(join(workshop.folder, 'base'))
    const tar = await readFile(join(workshop.folder, 'base', 'base.tar'))
    const image = makeImage({ layers: [{ tar, encoding: 'plain' }], config: {} })
    base = await publishImage(image, `${registry.host}/library/debian:bookworm-20250203-slim`)
  })
  afterAll(async () => {
    await archive.stop()
    await registry.stop()
    await workshop.close()
  })

  /** A copy of `from` whose Dockerfile names other addresses of the base and of the script. */
  async function atOtherAddresses(from: string, dockerfile: string): Promise<string> {
    const source = await mkdtemp(join(workshop.folder, 'source-'))
    await cp(from, source, {
      recursive: true,
      filter: (path) => !/\/(?:\.git|dist|node_modules)$/.test(path),
    })
    const path = join(source, dockerfile)
    const text = await readFile(path, 'utf8')
    const changed = text
      .replace(/docker\.io\/library\/debian:\S+@sha256:[0-9a-f]{64}/, base)
      .replace(
        /--checksum=sha256:[0-9a-f]{64}(\s+\\\s+)https:\/\/raw\.githubusercontent\.com\S+/,
        `--checksum=sha256:${archive.script.sha256}$1${archive.script.url}`,
      )
    const lines = changed.split('\n').filter((line, i) => line !== text.split('\n')[i])
    expect(lines).toHaveLength(3)
    await writeFile(path, changed)
    return source
  }

  async function makeJob(file: string, source: string, more: object = {}): Promise<BuildJob> {
    const text = readFileSync(join(FOLDER, file), 'utf8')
    const { recipe } = readProjectText(text, file, { template: true })
    const resolved = resolveTemplate(recipe, { annotations: {}, labels: {}, commitTime: 1 })
    const { snapshotArchiveBase } = archive
    const limits = { timeoutMs: 600_000 }
    return workshop.makeJob(source, { ...resolved, ...more }, limits, {
      insecureRegistries: [archive.host],
      routes: { snapshotArchiveBase },
    })
  }

  async function build(job: BuildJob) {
    const result = await builder.build(job, never)
    if (result.kind === 'failed') throw new Error(`${result.message}\n${result.logTail}`)
    return { layout: await readLayout(result.image), materials: result.materials }
  }

  const SNAPSHOT = 'http://snapshot.debian.org/archive'
  const INDEXES = [
    `${SNAPSHOT}/debian-security/20250210T000000Z/dists/bookworm-security/InRelease`,
    `${SNAPSHOT}/debian/20250210T000000Z/dists/bookworm-updates/InRelease`,
    `${SNAPSHOT}/debian/20250210T000000Z/dists/bookworm/InRelease`,
  ]

  it('a plain Debian image is the same twice, from the archive of its day', async () => {
    const source = await atOtherAddresses(join(FOLDER, 'debian'), 'Dockerfile')
    const one = await build(await makeJob('debian.toml', source))
    const two = await build(await makeJob('debian.toml', source))
    expect(two.layout.manifestDigest).toBe(one.layout.manifestDigest)
    const fetched = one.materials.filter(({ uri }) => uri.endsWith('/InRelease'))
    expect(fetched.map(({ uri }) => uri)).toEqual(INDEXES)
    expect(two.materials).toEqual(one.materials)
    expect(readEntry(one.layout, 'etc/apt/sources.list')).toContain(`${SNAPSHOT}/debian/2025`)
    expect(listEntries(one.layout)).toContain(' usr/bin/file')
    // The archive throttled, and no step saw it.
    expect(archive.seen.filter(({ path }) => path.endsWith('/InRelease')).length).toBeGreaterThan(3)
  })

  // Minutes: npm of Debian brings hundreds of packages.
  const whenSoaked = process.env.REBUILDNET_TEST_DEPTH === 'soak' ? it : () => undefined

  whenSoaked('rebuildnet’s own image runs', { timeout: 1_800_000 }, async () => {
    const source = await atOtherAddresses(ROOT, 'docker/Dockerfile')
    const npmrc = join(source, '.npmrc')
    await writeFile(npmrc, `${await readFile(npmrc, 'utf8')}registry=${archive.npmRegistry}\n`)
    const { layout, materials } = await build(await makeJob('rebuildnet.toml', source))
    expect(materials.map(({ uri }) => uri)).toEqual(expect.arrayContaining(INDEXES))
    const root = await mkdtemp(join(workshop.folder, 'root-'))
    for (const { digest } of layout.manifest.layers) {
      const blob = join(layout.folder, 'blobs', digest.replace(':', '/'))
      execFileSync('tar', ['-xf', blob, '-C', root])
    }
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
      readonly version: string
    }
    const said = execFileSync('chroot', [root, '/usr/local/bin/rebuildnet', '--version'], {
      encoding: 'utf8',
      env: { PATH: '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' },
    })
    expect(said.trim()).toBe(version)
    expect(execFileSync('chroot', [root, 'buildah', '--version'], { encoding: 'utf8' })).toMatch(
      /^buildah version 1\.28/,
    )
  })
})
