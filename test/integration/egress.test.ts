/** The way out of a build, with real namespaces, real sockets, and servers on this machine. */
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createSocketServer, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { describe, expect, it, onTestFinished } from 'vitest'
import { CELL_TOOLS, fetchLine, openCell, runsCells } from '../support/egress-cell.ts'

const BODY = 'what was fetched\n'

/** A web server on this machine's loopback, which answers everything with the same body. */
async function startSite(body = BODY): Promise<number> {
  const server = createServer((_, answer) => answer.end(body)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

describe.runIf(runsCells())(
  `the way out of a build (needs root and ${CELL_TOOLS.join(', ')})`,
  () => {
    it('leads to a declared host, and says what came by plain http', async () => {
      const port = await startSite()
      const site = `site.example:${port}`
      const cell = await openCell({ hosts: [site], insecure: [site] })
      expect(await cell.run(fetchLine(`http://${site}/a?b`))).toBe(BODY)
      const digest = `sha256:${createHash('sha256').update(BODY).digest('hex')}`
      const file = { url: `http://${site}/a?b`, digest, bytes: BODY.length }
      expect(cell.egress.fetched).toEqual([file])
      expect(await cell.readLog()).toContain(`fetched ${file.url} ${digest}`)
      expect(cell.egress.refusals).toEqual([])
    })

    it('leads to no other host, whatever it is called by', async () => {
      const port = await startSite()
      const cell = await openCell({ hosts: ['other.example'], insecure: [`site.example:${port}`] })
      expect(await cell.run(fetchLine(`http://site.example:${port}/`))).toContain('bad address')
      expect(await cell.run(fetchLine(`http://127.0.0.1:${port}/`))).toContain('refused')
      expect(await cell.run(fetchLine('http://93.184.216.34/'))).toMatch(/reset|refused/)
      expect(cell.egress.refusals).toEqual(['site.example', '93.184.216.34:80'])
    })

    it.each([
      ['a private address', 'http://10.1.2.3/'],
      ['the address of metadata', 'http://169.254.169.254/'],
      ['a name with a private address', 'http://inside.example/'],
      ['a name with a private address among others', 'http://mixed.example/'],
    ])('does not lead to %s where the recipe declares no host', async (_, url) => {
      const cell = await openCell({ hosts: undefined, insecure: [] })
      expect(await cell.run(fetchLine(url))).toMatch(/reset|bad address/)
      expect(cell.egress.refusals).toHaveLength(1)
      expect(await cell.readLog()).toContain('is not a public address')
    })

    it('tells a name that is not from one that cannot be looked up now', async () => {
      const cell = await openCell({ hosts: undefined, insecure: [] })
      const ask = (name: string) =>
        cell.run(
          `getent ahostsv4 ${name} > /dev/null; echo $?; busybox nslookup ${name} 198.18.0.1`,
        )
      expect(await ask('nobody.example')).toContain('NXDOMAIN')
      expect(await ask('away.example')).toContain('SERVFAIL')
      expect(cell.egress.refusals).toEqual([])
    })

    it('passes on what is not http as it is', async () => {
      const server = createSocketServer({ allowHalfOpen: true }, (socket) => {
        let got = ''
        socket.on('data', (chunk: Buffer) => (got += chunk.toString()))
        socket.on('end', () => socket.end(got.toUpperCase()))
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      onTestFinished(() => void server.close())
      const site = `site.example:${(server.address() as AddressInfo).port}`
      const cell = await openCell({ hosts: [site], insecure: [site] })
      const line = `echo hello | busybox timeout 20 busybox nc ${site.replace(':', ' ')}`
      expect(await cell.run(line)).toBe('HELLO\n')
      expect(cell.egress.fetched).toEqual([])
    })

    it('tells the other side that a step has ended its own, though it said nothing', async () => {
      const server = createSocketServer({ allowHalfOpen: true }, (socket) => {
        socket.on('error', () => undefined)
        socket.on('end', () => socket.end('until then\n')).resume()
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      onTestFinished(() => void server.close())
      const site = `site.example:${(server.address() as AddressInfo).port}`
      const cell = await openCell({ hosts: [site], insecure: [site] })
      const ask = `busybox timeout 20 busybox nc ${site.replace(':', ' ')} < /dev/null`
      expect(await cell.run(ask)).toBe('until then\n')
    })

    it('refuses a request that names another host than it is connected to', async () => {
      const port = await startSite()
      const site = `site.example:${port}`
      const cell = await openCell({ hosts: [site], insecure: [site] })
      const line = `busybox timeout 20 busybox wget -q -O - --header 'Host: front.example' http://${site}/`
      expect(await cell.run(line)).toContain('421')
      expect(cell.egress.refusals).toEqual([site])
    })

    it('leads a loopback port to this machine where the project allows it, and no other', async () => {
      const [open, shut] = [await startSite(), await startSite()]
      const cell = await openCell({ hosts: undefined, insecure: [`localhost:${open}`] })
      expect(await cell.run(fetchLine(`http://127.0.0.1:${open}/`))).toBe(BODY)
      expect(await cell.run(fetchLine(`http://127.0.0.1:${shut}/`))).toContain('refused')
    })

    it('ends all connections once more has come than may', async () => {
      const port = await startSite('x'.repeat(100_000))
      const site = `site.example:${port}`
      const cell = await openCell({ hosts: [site], insecure: [site] }, { maxBytes: 150_000 })
      const line = `${fetchLine(`http://${site}/`)} | wc -c`
      expect((await cell.run(line)).trim()).toBe('100000')
      expect(cell.egress.isOverLimit).toBe(false)
      await cell.run(line)
      expect(cell.egress.isOverLimit).toBe(true)
      expect(cell.egress.fetched).toHaveLength(1)
    })

    it('is gone when it is closed', async () => {
      const cell = await openCell({ hosts: undefined, insecure: [] })
      const { path } = cell.egress.network
      expect(existsSync(path)).toBe(true)
      await cell.egress.close()
      expect(existsSync(path)).toBe(false)
    })
  },
)
