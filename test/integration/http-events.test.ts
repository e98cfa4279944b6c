/** `/v1/events`: what happens, as it happens, over real sockets. */
import { request, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { TestApi } from '../support/api-server.ts'
import { makeAlert, makeAnswer, makeQueueItem } from '../support/memory-service.ts'

let api: TestApi
afterEach(() => api.stop())

interface Event {
  readonly id: string
  readonly event: string
  readonly data: unknown
}

class Reader {
  readonly response: IncomingMessage
  readonly #events: AsyncGenerator<Event>

  private constructor(response: IncomingMessage) {
    this.response = response
    this.#events = readEvents(response)
  }

  static open(path = '/v1/events', lastId?: string): Promise<Reader> {
    const headers = lastId === undefined ? {} : { 'last-event-id': lastId }
    const { socketPath } = api.server
    return new Promise((resolve, reject) => {
      request({ socketPath, path, headers, agent: false }, (response) => {
        resolve(new Reader(response))
      })
        .on('error', reject)
        .end()
    })
  }

  async next(): Promise<Event | undefined> {
    const result = await this.#events.next()
    return result.done === true ? undefined : result.value
  }
}

async function* readEvents(response: IncomingMessage): AsyncGenerator<Event> {
  let text = ''
  response.setEncoding('utf8')
  for await (const chunk of response) {
    text += chunk as string
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const lines = text.slice(0, end).split('\n')
      text = text.slice(end + 2)
      const field = (name: string) =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
      const data = field('data')
      if (data === undefined) continue
      yield { id: field('id') ?? '', event: field('event') ?? '', data: JSON.parse(data) }
    }
  }
}

describe('an event', () => {
  it('comes with an id, its type and its data', async () => {
    api = await TestApi.start()
    const reader = await Reader.open()
    expect(reader.response.headers['content-type']).toMatch(/^text\/event-stream/)
    const alert = makeAlert()
    api.service.emit({ type: 'alert', data: alert })
    const event = await reader.next()
    expect(event).toMatchObject({ event: 'alert', data: { type: 'alert', data: alert } })
    expect(event?.id).toMatch(/^[0-9a-f]+-1$/)
  })

  it('of another type than asked for does not come', async () => {
    api = await TestApi.start()
    const reader = await Reader.open('/v1/events?types=alert,verdict')
    api.service.emit({ type: 'queue', data: makeQueueItem() })
    api.service.emit({ type: 'verdict', data: makeAnswer() })
    expect(await reader.next()).toMatchObject({ event: 'verdict' })
  })

  it('that was missed comes first when the reader is back', async () => {
    api = await TestApi.start()
    const reader = await Reader.open()
    api.service.emit({ type: 'alert', data: makeAlert({ id: 'one' }) })
    const first = await reader.next()
    reader.response.destroy()
    api.service.emit({ type: 'alert', data: makeAlert({ id: 'two' }) })
    const back = await Reader.open('/v1/events', first?.id)
    api.service.emit({ type: 'alert', data: makeAlert({ id: 'three' }) })
    expect(await back.next()).toMatchObject({ data: { data: { id: 'two' } } })
    expect(await back.next()).toMatchObject({ data: { data: { id: 'three' } } })
  })

  it('of another life of the node is answered with reset', async () => {
    api = await TestApi.start()
    const reader = await Reader.open('/v1/events', '000000000000-7')
    expect(await reader.next()).toMatchObject({ event: 'reset', data: { type: 'reset' } })
  })

  it('cannot break its frame by what a peer wrote in it', async () => {
    api = await TestApi.start()
    const reader = await Reader.open()
    const reasons = ['line\n\nid: forged\ndata: {"type":"alert"}\n\n']
    api.service.emit({ type: 'alert', data: makeAlert({ reasons }) })
    api.service.emit({ type: 'alert', data: makeAlert({ id: 'next' }) })
    expect(await reader.next()).toMatchObject({ data: { data: { reasons } } })
    expect(await reader.next()).toMatchObject({ data: { data: { id: 'next' } } })
  })
})

describe('a stream', () => {
  it('has a heartbeat while nothing happens', async () => {
    api = await TestApi.start({ events: { maxStreams: 4, heartbeatMs: 5 } })
    const reader = await Reader.open()
    let beats = 0
    for await (const chunk of reader.response) {
      beats += (chunk as Buffer).toString().split(':\n\n').length - 1
      if (beats >= 3) break
    }
    expect(beats).toBeGreaterThanOrEqual(3)
  })

  it('ends when the server stops, and the server does not wait for it', async () => {
    api = await TestApi.start({ graceMs: 60_000 })
    const reader = await Reader.open()
    await api.server.stop()
    expect(await reader.next()).toBeUndefined()
    expect(api.service.listeners).toBe(0)
  })

  it('of a reader that does not read is cut off', async () => {
    api = await TestApi.start({ events: { maxStreams: 4, maxBufferedBytes: 64 * 1024 } })
    const socket = connect(api.server.socketPath)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => undefined)
    socket.write('GET /v1/events HTTP/1.1\r\nhost: x\r\n\r\n')
    await new Promise((resolve) => socket.once('readable', resolve))
    // Never read from here on: the kernel's buffers fill, then ours.
    const reasons = ['x'.repeat(16 * 1024)]
    for (let index = 0; index < 200; index++) {
      api.service.emit({ type: 'alert', data: makeAlert({ reasons }) })
    }
    socket.resume()
    await closed
  })

  it('beyond the limit is refused', async () => {
    api = await TestApi.start({ events: { maxStreams: 1 } })
    await Reader.open()
    const reply = await api.ask({ path: '/v1/events' })
    expect(reply.status).toBe(503)
    expect(reply.json).toMatchObject({ code: 'too-many-streams' })
  })

  it('of types that do not exist is refused', async () => {
    api = await TestApi.start()
    const reply = await api.ask({ path: '/v1/events?types=alerts' })
    expect(reply.status).toBe(400)
  })
})
