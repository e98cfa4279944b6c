/**
 * What the operator has put before archives, and archives that throttle: with real namespaces, real
 * sockets and real servers. The steps ask for the archive, and see nothing else.
 */
import { createHash } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { describe, expect, it, onTestFinished } from 'vitest'
import { askedWait } from '../../node/rebuild/asked-wait.ts'
import { CELL_TOOLS, fetchLine, openCell, runsCells } from '../support/egress-cell.ts'
import { startServer, type TestServer } from '../support/http-server.ts'
import { waitFor } from '../support/wait-for.ts'

const BODY = 'Origin: Debian\n'
const DIGEST = `sha256:${createHash('sha256').update(BODY).digest('hex')}`
const SNAPSHOT = 'snapshot.debian.org'
const INDEX = 'debian/20250210T000000Z/dists/bookworm/InRelease'
const ANY = { hosts: undefined, insecure: [] }

async function serve(listener: RequestListener): Promise<TestServer> {
  const server = await startServer(listener)
  onTestFinished(() => server.stop())
  return server
}

/** Says that it is too much, so often, and then answers. */
function throttling(times: number, status: number, retryAfter?: string): RequestListener {
  return (_, response) => {
    if (times-- <= 0) return void response.end(BODY)
    response.writeHead(status, retryAfter === undefined ? {} : { 'retry-after': retryAfter })
    response.end('not now\n')
  }
}

describe.runIf(runsCells())(`archives of a build (needs root and ${CELL_TOOLS.join(', ')})`, () => {
  it('are got from the mirror of the configuration, under their own address', async () => {
    const mirror = await serve((_, response) => response.end(BODY))
    const routes = { snapshotArchiveBase: `http://${mirror.host}/kept/` }
    const cell = await openCell({ hosts: [SNAPSHOT], insecure: [] }, { routes })
    // No name server here knows the archive, and no step may reach this machine.
    const url = `http://${SNAPSHOT}/archive/${INDEX}`
    expect(await cell.run(fetchLine(url))).toBe(BODY)
    expect(mirror.seen).toMatchObject([
      { method: 'GET', path: `/kept/${INDEX}`, headers: { host: mirror.host } },
    ])
    expect(cell.egress.fetched).toEqual([
      { url, digest: DIGEST, bytes: BODY.length, from: mirror.host },
    ])
    expect(await cell.readLog()).toContain(
      `fetched ${url} ${DIGEST}, 15 bytes, from ${mirror.host}`,
    )
  })

  it('are no way to what stands beside them on the mirror', async () => {
    const mirror = await serve((_, response) => response.end(BODY))
    const routes = { snapshotArchiveBase: `http://${mirror.host}/kept/` }
    const cell = await openCell({ hosts: [SNAPSHOT], insecure: [] }, { routes })
    for (const path of ['archive/../secret', 'archive/%2e%2e/secret', 'mr/package/']) {
      expect(await cell.run(fetchLine(`http://${SNAPSHOT}/${path}`))).toContain('502')
    }
    expect(await cell.run(fetchLine(`http://${mirror.host}/kept/${INDEX}`))).toContain('refused')
    expect(mirror.seen).toEqual([])
  })

  it('are not in reach of a recipe that does not declare them', async () => {
    const mirror = await serve((_, response) => response.end(BODY))
    const routes = { snapshotArchiveBase: `http://${mirror.host}/`, proxy: `http://${mirror.host}` }
    const cell = await openCell({ hosts: ['other.example'], insecure: [] }, { routes })
    expect(await cell.run(fetchLine(`http://${SNAPSHOT}/archive/${INDEX}`))).toContain(
      'bad address',
    )
    expect(cell.egress.refusals).toEqual([SNAPSHOT])
    expect(mirror.seen).toEqual([])
  })

  it('redirect within the mirror as they would within themselves', async () => {
    const mirror: TestServer = await serve(({ url = '' }, response) => {
      if (!url.endsWith('T000000Z/index')) return void response.end(BODY)
      const location = `http://${mirror.host}/kept/debian/20250209T203012Z/index`
      response.writeHead(302, { location }).end()
    })
    const routes = { snapshotArchiveBase: `http://${mirror.host}/kept/` }
    const cell = await openCell({ hosts: [SNAPSHOT], insecure: [] }, { routes })
    const line = fetchLine(`http://${SNAPSHOT}/archive/debian/20250210T000000Z/index`)
    expect(await cell.run(line)).toBe(BODY)
    expect(cell.egress.fetched.map(({ url }) => url)).toEqual([
      `http://${SNAPSHOT}/archive/debian/20250209T203012Z/index`,
    ])
  })

  it('and whatever else comes by plain http go by way of the proxy, but for near hosts', async () => {
    const proxy = await serve((_, response) => response.end(BODY))
    const near = await serve((_, response) => response.end('near\n'))
    const site = `site.example:${near.host.split(':')[1] ?? ''}`
    const routes = { proxy: `http://${proxy.host}` }
    const cell = await openCell({ hosts: undefined, insecure: [site] }, { routes })
    expect(await cell.run(fetchLine('http://far.example/pool/a?b'))).toBe(BODY)
    expect(await cell.run(fetchLine(`http://${site}/pool/a`))).toBe('near\n')
    expect(proxy.seen).toMatchObject([
      { method: 'GET', path: 'http://far.example/pool/a?b', headers: { host: 'far.example' } },
    ])
    expect(cell.egress.fetched.map(({ url, from }) => [url, from])).toEqual([
      ['http://far.example/pool/a?b', proxy.host],
      [`http://${site}/pool/a`, undefined],
    ])
    // A proxy is no way to what a step may not reach.
    expect(await cell.run(fetchLine('http://inside.example/'))).toMatch(/reset|bad address/)
    expect(proxy.seen).toHaveLength(1)
  })

  it.each([
    [429, '0'],
    [503, undefined],
  ])(
    'that answer %d are asked again, and the step sees only the end of it',
    async (status, after) => {
      const archive = await serve(throttling(1, status, after))
      const routes = { proxy: `http://${archive.host}` }
      const cell = await openCell(ANY, { routes })
      expect(await cell.run(fetchLine('http://far.example/index'))).toBe(BODY)
      expect(archive.seen).toHaveLength(2)
      expect(cell.egress.troubles).toEqual([])
    },
  )

  it('that want to be left alone for long are: the step is told, and the log says how long', async () => {
    const archive = await serve(throttling(9, 429, '3600'))
    const cell = await openCell(ANY, { routes: { proxy: `http://${archive.host}` } })
    expect(await cell.run(fetchLine('http://far.example/index'))).toContain('429')
    expect(archive.seen).toHaveLength(1)
    expect(cell.egress.troubles).toEqual([
      'far.example:80 answers 429 Too Many Requests, retry-after: 3600',
    ])
    expect(askedWait(await cell.readLog())).toBe(3600)
  })

  it('are nobody’s trouble where it is the step that has gone away', async () => {
    let left = false
    const archive = await serve((_, response) => response.on('close', () => (left = true)))
    const cell = await openCell(ANY, { routes: { proxy: `http://${archive.host}` } })
    await cell.run('busybox timeout 1 busybox wget -q -O - http://far.example/index')
    await waitFor('the relay gives up as well', () => left)
    expect(archive.seen).toHaveLength(1)
    expect(cell.egress.troubles).toEqual([])
  })

  it('are asked once where it is no request that can be made twice', async () => {
    const archive = await serve(throttling(1, 503, '0'))
    const cell = await openCell(ANY, { routes: { proxy: `http://${archive.host}` } })
    const line = 'busybox timeout 20 busybox wget -q -O - --post-data x http://far.example/'
    expect(await cell.run(line)).toContain('503')
    expect(archive.seen.map(({ method }) => method)).toEqual(['POST'])
  })

  it('that cannot be had are the network’s trouble, and said to be', async () => {
    const gone = await startServer((_, response) => response.end())
    await gone.stop()
    const cell = await openCell(ANY, { routes: { proxy: `http://${gone.host}` } })
    expect(await cell.run(fetchLine('http://far.example/index'))).toContain('502')
    expect(cell.egress.troubles).toEqual([
      `far.example:80 cannot be had by way of ${gone.host}: ECONNREFUSED`,
    ])
  })
})
