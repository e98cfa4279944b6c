/** Bodies, times and paths are bounded. */
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { socketPath } from '../../node/http/socket-path.ts'
import { TestApi } from '../support/api-server.ts'
import { IMAGE } from '../support/memory-service.ts'

let api: TestApi | undefined
afterEach(async () => {
  await api?.stop()
  api = undefined
})

describe('a body', () => {
  it('over the limit is refused', async () => {
    api = await TestApi.start({ bodyLimitBytes: 1000 })
    const reply = await api.post('/v1/withdrawals', { reference: 'a', reason: 'x'.repeat(2000) })
    expect(reply.status).toBe(413)
    expect(reply.json).toMatchObject({ code: 'body-too-large' })
  })

  it('may be larger where it is evidence that is taken in', async () => {
    api = await TestApi.start({ bodyLimitBytes: 1000 })
    const bundle = 'A'.repeat(4 * 1024 * 1024)
    expect((await api.post('/v1/bundles', { bundle })).status).toBe(200)
    expect(api.service.bundles).toEqual([bundle])
  })

  it('that is no JSON is refused', async () => {
    api = await TestApi.start()
    const reply = await api.ask({
      method: 'POST',
      path: '/v1/withdrawals',
      headers: { 'content-type': 'application/json' },
      body: '{"reference":',
    })
    expect(reply.status).toBe(400)
    expect(reply.json).toMatchObject({ code: 'bad-request' })
  })

  it.each([
    ['a key twice', '{"reference":"a","reference":"b","reason":"c"}', /duplicate key/],
    ['a key twice, spelled in two ways', '{"reason":"b","re\\u0061son":"c"}', /duplicate key/],
    ['a number that parsers read differently', '{"reference":1e2}', /not an integer/],
  ])('with %s has no one reading, and is refused', async (_what, body, detail) => {
    api = await TestApi.start()
    const headers = { 'content-type': 'application/json' }
    const reply = await api.ask({ method: 'POST', path: '/v1/withdrawals', headers, body })
    expect(reply.status).toBe(400)
    expect(reply.json).toMatchObject({ code: 'bad-request' })
    expect((reply.json as { detail: string }).detail).toMatch(detail)
  })

  it('cannot reach the prototype of objects', async () => {
    api = await TestApi.start()
    const reply = await api.ask({
      method: 'POST',
      path: '/v1/withdrawals',
      headers: { 'content-type': 'application/json' },
      body: '{"__proto__":{"x":1},"reference":"a","reason":"b"}',
    })
    expect(reply.status).toBe(400)
  })

  it('with a field that is not known is refused by its name', async () => {
    api = await TestApi.start()
    const reply = await api.post('/v1/rebuilds', { reference: 'abcdef01', force: true })
    expect(reply.json).toMatchObject({ detail: 'unknown field "force"' })
  })
})

describe('a path', () => {
  it('that is no text is refused like all else, with a problem document', async () => {
    api = await TestApi.start()
    const reply = await api.ask({ path: '/v1/statements/%ff' })
    expect(reply.status).toBe(400)
    expect(reply.headers['content-type']).toContain('application/problem+json')
    expect(reply.json).toMatchObject({ code: 'bad-request', family: 'HttpError' })
  })
})

describe('time', () => {
  it('over the limit of a route is given up', async () => {
    api = await TestApi.start({ handlerTimeoutMs: 20 })
    api.service.status = () => Promise.withResolvers<never>().promise
    const reply = await api.ask({ path: '/v1/status' })
    expect(reply.status).toBe(504)
    expect(reply.json).toMatchObject({ code: 'timeout' })
  })

  it('is not spent on a caller that went away', async () => {
    api = await TestApi.start()
    const { service } = api
    service.stuck = true
    const verdict = service.verdict.bind(service)
    const { promise: told, resolve } = Promise.withResolvers<void>()
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>()
    service.verdict = async (query, signal) => {
      signal.addEventListener('abort', () => resolve(), { once: true })
      begin()
      return verdict(query, signal)
    }
    const socket = connect(api.server.socketPath)
    socket.on('error', () => undefined)
    socket.write(`GET /v1/verdict?image=${IMAGE} HTTP/1.1\r\nhost: x\r\n\r\n`)
    await begun
    socket.destroy()
    await told
  })
})

describe('the path of the socket', () => {
  it('that no unix socket can have is refused with what to do', () => {
    expect(() => socketPath(`/tmp/${'x'.repeat(120)}`)).toThrow(/choose a shorter data folder/)
    expect(socketPath('/tmp/x')).toBe('/tmp/x/node.sock')
  })
})
