/** T19: what a web page, or anybody who is not the owner of the data folder, may not do. */
import { readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { HttpServer } from '../../node/http/server.ts'
import { TestApi } from '../support/api-server.ts'
import { IMAGE, MemoryService, SID } from '../support/memory-service.ts'

let api: TestApi
let token: string
let host: string

beforeAll(async () => {
  api = await TestApi.start({ listen: '127.0.0.1:0' })
  token = (await readFile(`${api.folder}/api-token`, 'utf8')).trim()
  host = `127.0.0.1:${api.server.port ?? 0}`
})
afterAll(() => api.stop())

const withdraw = JSON.stringify({ reference: SID, reason: 'broken' })
const json = { 'content-type': 'application/json' }

describe('the unix socket', () => {
  it('is for its owner alone', async () => {
    expect((await stat(api.server.socketPath)).mode & 0o777).toBe(0o600)
  })

  it('needs no token for a change', async () => {
    const reply = await api.post('/v1/withdrawals', { reference: SID, reason: 'broken' })
    expect(reply.status).toBe(200)
  })

  it('of a node that was killed is replaced', async () => {
    const first = await TestApi.start()
    await first.server.stop()
    await writeFile(first.server.socketPath, '')
    await first.server.start()
    expect((await first.ask({ path: '/healthz' })).status).toBe(200)
    await first.stop()
  })

  it('of a running node is not taken from it', async () => {
    const second = new HttpServer(
      { service: new MemoryService(), logger: api.logger },
      { dataFolder: api.folder },
    )
    await expect(second.start()).rejects.toMatchObject({ code: 'socket-in-use' })
    expect((await api.ask({ path: '/healthz' })).status).toBe(200)
  })
})

describe('T19: over TCP', () => {
  it('nobody makes the node speak to private addresses, as its user may over the socket', async () => {
    const path = `/v1/verdict?image=${IMAGE}&insecure=10.0.0.1:5000,registry.lan`
    const reply = await api.askTcp({ path, headers: { host } })
    expect(reply.status).toBe(400)
    expect(reply.json).toMatchObject({ code: 'bad-request' })
    expect(api.service.asked).toEqual([])
    expect((await api.ask({ path })).status).toBe(200)
    expect(api.service.asked).toEqual([
      { image: IMAGE, insecure: ['10.0.0.1:5000', 'registry.lan'] },
    ])
  })

  it('a Host that is not on the list is refused, so that DNS rebinding does not help', async () => {
    const reply = await api.askTcp({ path: '/v1/status', headers: { host: 'evil.example' } })
    expect(reply.status).toBe(421)
    expect(reply.json).toMatchObject({ code: 'forbidden-host' })
  })

  it('another port in Host is refused', async () => {
    const reply = await api.askTcp({ path: '/v1/status', headers: { host: '127.0.0.1:1' } })
    expect(reply.json).toMatchObject({ code: 'forbidden-host' })
  })

  it('a foreign Origin is refused, even for reading', async () => {
    const reply = await api.askTcp({
      path: '/v1/status',
      headers: { host, origin: 'https://evil.example' },
    })
    expect(reply.status).toBe(403)
    expect(reply.json).toMatchObject({ code: 'forbidden-origin' })
  })

  it('a cross-site request is refused, though it has no Origin', async () => {
    for (const site of ['cross-site', 'same-site']) {
      const reply = await api.askTcp({
        path: '/v1/status',
        headers: { host, 'sec-fetch-site': site },
      })
      expect(reply.json).toMatchObject({ code: 'forbidden-origin' })
    }
  })

  it('reading from this machine is answered, without any CORS header', async () => {
    const reply = await api.askTcp({
      path: '/v1/status',
      headers: { host, origin: `http://${host}`, 'sec-fetch-site': 'same-origin' },
    })
    expect(reply.status).toBe(200)
    expect(Object.keys(reply.headers).filter((name) => name.startsWith('access-control'))).toEqual(
      [],
    )
  })

  it('a preflight is not answered with permission', async () => {
    const reply = await api.askTcp({
      method: 'OPTIONS',
      path: '/v1/withdrawals',
      headers: { host, 'access-control-request-method': 'POST' },
    })
    expect(reply.status).toBe(404)
  })

  it('a change without the token is refused', async () => {
    const reply = await api.askTcp({
      method: 'POST',
      path: '/v1/withdrawals',
      headers: { host, ...json },
      body: withdraw,
    })
    expect(reply.status).toBe(401)
    expect(reply.json).toMatchObject({ code: 'token-required' })
  })

  it('a change with another token is refused, with the right one it is done', async () => {
    const change = (bearer: string) =>
      api.askTcp({
        method: 'POST',
        path: '/v1/withdrawals',
        headers: { host, ...json, authorization: `Bearer ${bearer}` },
        body: withdraw,
      })
    expect((await change('0'.repeat(token.length))).status).toBe(401)
    expect((await change(token)).status).toBe(200)
  })

  it('the token is a file for its owner alone, and stays the same', async () => {
    const path = `${api.folder}/api-token`
    expect((await stat(path)).mode & 0o777).toBe(0o600)
    expect(token).toMatch(/^[0-9a-f]{64}$/)
    await api.server.stop()
    await api.server.start()
    host = `127.0.0.1:${api.server.port ?? 0}`
    expect((await readFile(path, 'utf8')).trim()).toBe(token)
  })

  it('a form or plain text is not taken for JSON', async () => {
    for (const type of ['application/x-www-form-urlencoded', 'text/plain']) {
      const reply = await api.askTcp({
        method: 'POST',
        path: '/v1/withdrawals',
        headers: { host, 'content-type': type, authorization: `Bearer ${token}` },
        body: withdraw,
      })
      expect(reply.status).toBe(415)
      expect(reply.json).toMatchObject({ code: 'unsupported-media-type' })
    }
  })

  it('a port in use is said in one line', async () => {
    const blocker = createServer()
    await new Promise<void>((resolve) => blocker.listen(0, '127.0.0.1', resolve))
    const { port } = blocker.address() as { port: number }
    await expect(TestApi.start({ listen: `127.0.0.1:${port}` })).rejects.toMatchObject({
      code: 'port-in-use',
      message: expect.stringMatching(new RegExp(`^port ${port} .* choose another`)),
    })
    await new Promise((resolve) => blocker.close(resolve))
  })

  it('no address but loopback is listened on', async () => {
    await expect(TestApi.start({ listen: '0.0.0.0:0' })).rejects.toMatchObject({
      code: 'bad-address',
    })
  })
})
