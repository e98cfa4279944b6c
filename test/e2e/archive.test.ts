/**
 * A node whose config.toml names a mirror before Debian's snapshot archive: what it signs of a build
 * names the archive, and `doctor` sees the mirror.
 */
import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Finding } from '../../node/system/doctor.ts'
import { missingTools } from '../../node/system/packages.ts'
import { startServer, type TestServer } from '../support/http-server.ts'
import { LoneMaintainer } from '../support/lone-maintainer.ts'

const missing = missingTools('demo').map(({ name }) => name)
const INDEX = 'Origin: Debian\n'
const PATH = 'debian/20250210T000000Z/dists/bookworm/InRelease'
const ADDRESS = `http://snapshot.debian.org/archive/${PATH}`

// Skipped only where the tools are neither installed nor installable: never in CI.
describe.skipIf(missing.length > 0)(
  `a mirror before the snapshot archive (needs ${missing.join(', ') || 'nothing more'})`,
  () => {
    let mirror: TestServer
    let lone: LoneMaintainer<'indexed'>
    let throttled = 0
    beforeAll(async () => {
      mirror = await startServer(({ method }, response) => {
        // The first request is told to come back.
        if (method === 'GET' && throttled++ === 0) {
          response.writeHead(503, { 'retry-after': '0' }).end()
        } else response.end(INDEX)
      })
      lone = await LoneMaintainer.start({
        dockerfiles: { indexed: [`RUN wget -q -O /index ${ADDRESS}`] },
        egress: ['snapshot.debian.org'],
        build: [`snapshot_archive_base = "http://${mirror.host}/kept/"`],
      })
    })
    afterAll(async () => {
      await lone.stop()
      await mirror.stop()
    })

    it('is what a build gets, and the statement says which index of the archive it was', async () => {
      expect((await lone.announce('1.0.0', lone.commits.indexed)).exitCode).toBe(0)
      await lone.until('1.0.0', 'done')
      const [said] = await lone.published('rebuild')
      const digest = `sha256:${createHash('sha256').update(INDEX).digest('hex')}`
      expect(said?.body).toMatchObject({
        outcome: { kind: 'built' },
        materials: [{ uri: expect.stringMatching(/^docker:/) as string }, { uri: ADDRESS, digest }],
      })
      expect(JSON.stringify(said?.body)).not.toContain(mirror.host)
      expect(mirror.seen.map(({ path }) => path)).toEqual([`/kept/${PATH}`, `/kept/${PATH}`])
    })

    it('is seen by doctor', async () => {
      const { stdout } = await lone.run('doctor', '--json')
      const findings = JSON.parse(stdout) as readonly Finding[]
      expect(findings).toContainEqual({
        name: 'archives',
        status: 'ok',
        detail: `build.snapshot_archive_base: http://${mirror.host}/kept/ answers`,
      })
    })
  },
)
