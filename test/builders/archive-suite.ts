/**
 * Snapshot archives as the steps of a build see them, whoever runs them: with a mirror before them and
 * throttled by it, of which neither the image nor what is recorded knows anything.
 */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { describe, expect, it, onTestFinished } from 'vitest'
import { askedWait } from '../../node/rebuild/asked-wait.ts'
import type { Builder } from '../../node/rebuild/builder.ts'
import { startServer, type TestServer } from '../support/http-server.ts'
import { useBuilder } from './use-builder.ts'
import { readEntry, readLayout } from './workshop.ts'

const INDEX = 'Origin: Debian\nDate: the tenth\n'
const PATH = 'debian/20250210T000000Z/dists/bookworm/InRelease'
const URL = `http://snapshot.debian.org/archive/${PATH}`

/** Says nothing of what goes wrong. */
const STEP = `RUN wget -q -O /fetched ${URL} 2> /dev/null && ! env | grep -i -e kept -e proxy -e snapshot`

export function describeArchives(name: string, create: () => Builder): void {
  describe(`snapshot archives for builds by ${name}`, () => {
    const { builder, workshop, never, fail, dockerfile } = useBuilder(create)

    /** Says so often that it is too much, and asks to be left alone for so long. */
    const startMirror = async (times: number, retryAfter: string): Promise<TestServer> => {
      const mirror = await startServer((_, response) => {
        if (times-- <= 0) return void response.end(INDEX)
        response.writeHead(429, { 'retry-after': retryAfter }).end('too much\n')
      })
      onTestFinished(() => mirror.stop())
      return mirror
    }
    const makeJob = async ({ host }: TestServer, step = STEP) =>
      workshop().makeJob(
        await dockerfile(`${step}\n`),
        { egress: ['snapshot.debian.org'] },
        {},
        { routes: { snapshotArchiveBase: `http://${host}/kept/` } },
      )

    it('come from a mirror, are asked again, and the image is the same as by another mirror', async () => {
      const manifests: string[] = []
      for (const times of [1, 0]) {
        const mirror = await startMirror(times, '0')
        const job = await makeJob(mirror)
        const result = await builder().build(job, never)
        if (result.kind === 'failed') throw new Error(`${result.message}\n${result.logTail}`)
        expect(mirror.seen.map(({ path }) => path)).toEqual(
          Array.from({ length: times + 1 }, () => `/kept/${PATH}`),
        )
        const layout = await readLayout(result.image)
        expect(readEntry(layout, 'fetched')).toBe(INDEX)
        manifests.push(layout.manifestDigest)
        const digest = `sha256:${createHash('sha256').update(INDEX).digest('hex')}`
        const materials = result.materials.filter(({ uri }) => uri.startsWith('http'))
        expect(materials).toEqual([{ uri: URL, digest }])
        // Only the log, which stays here, says which mirror it was.
        expect(await readFile(job.logFile, 'utf8')).toContain(`, from ${mirror.host}`)
      }
      expect(new Set(manifests).size).toBe(1)
    })

    it.each([
      ['a step', STEP],
      ['the builder itself', `ADD ${URL} /fetched`],
    ])(
      'that throttle %s for long say nothing about the recipe, and when to come back',
      async (_, step) => {
        const failed = await fail(await makeJob(await startMirror(99, '3600'), step))
        expect(failed).toMatchObject({
          code: expect.stringMatching(/^(?:base|step)-fetch-failed$/) as string,
          class: 'infrastructure',
        })
        expect(askedWait(failed.logTail)).toBe(3600)
      },
    )
  })
}
