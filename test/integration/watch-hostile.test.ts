/** Tags as a git server tells them that means harm: names, redirects, lists without an end. */
import type { ServerResponse } from 'node:http'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { listRemoteTags, type RemoteSource } from '../../node/rebuild/remote-tags.ts'
import { temporaryFolder } from '../support/temporary-store.ts'
import { serveAnswer, type TestServer } from './source-server.ts'

const ID = 'a'.repeat(40)
const ADVERTISEMENT = { 'content-type': 'application/x-git-upload-pack-advertisement' }

let folder: string
let servers: TestServer[]
beforeEach(async () => {
  folder = await temporaryFolder()
  servers = []
})
afterEach(async () => {
  for (const server of servers) await server.stop()
})

function line(text: string): Buffer {
  const bytes = Buffer.from(text)
  return Buffer.concat([Buffer.from((bytes.length + 4).toString(16).padStart(4, '0')), bytes])
}

function begin(response: ServerResponse): void {
  response.writeHead(200, ADVERTISEMENT)
  response.write(Buffer.concat([line('# service=git-upload-pack\n'), Buffer.from('0000')]))
  response.write(line(`${ID} HEAD\0agent=git/2.39.0\n`))
}

async function serve(answer: Parameters<typeof serveAnswer>[0]): Promise<RemoteSource> {
  const server = await serveAnswer(answer)
  servers.push(server)
  return { repository: `git+${server.url}/app`, insecure: [], folder }
}

function tags(source: RemoteSource) {
  return listRemoteTags(source, new AbortController().signal)
}

describe('a git server that means harm', () => {
  it('gives tags of odd names, and only the plain ones are taken', async () => {
    const names = [
      ...['v1', 'release/2.0_rc-1+x', '--upload-pack=touch', '-v1', '../../etc/passwd', 'a..b'],
      ...['v1\u001b[31m', 'v1\u202e', 'v\u0431', 'v 1', 'v1;reboot', '$(reboot)', 'v1.lock'],
      ...['v*', 'v?', 'v[1]', 'v1~1', 'v1^', 'v1:v2', '@{0}', '.hidden', 'end.', 'a//b'],
    ]
    const source = await serve((_, response) => {
      begin(response)
      for (const name of names) response.write(line(`${ID} refs/tags/${name}\n`))
      response.end('0000')
    })
    // An option-like name is one of a tag here, and is never a word of its own for git.
    const found = (await tags(source)).map(({ name }) => name)
    expect(found).toEqual(expect.arrayContaining(['v1', 'release/2.0_rc-1+x']))
    for (const name of found) expect(name).toMatch(/^[A-Za-z0-9._/+@=-]+$/)
    expect(found.filter((name) => /\.\.|\/\/|@\{|\.lock$|^\.|\.$/.test(name))).toEqual([])
  })

  it.each([
    ['a file', () => 'file:///etc/passwd'],
    ['another program', () => 'ext::sh -c touch% /tmp/x'],
    ['an address inside', () => 'http://127.0.0.1:9/app/info/refs?service=git-upload-pack'],
    ['the address of a cloud', () => 'http://169.254.169.254/latest/meta-data/'],
    ['another path of its own', (host: string) => `http://${host}/elsewhere/info/refs`],
  ])('leads to %s, and is not followed', async (_, location) => {
    const source = await serve((request, response) => {
      response.writeHead(302, { location: location(request.headers.host ?? '') }).end()
    })
    await expect(tags(source)).rejects.toMatchObject({ code: 'source-fetch-failed' })
    // Nothing was asked but what was meant.
    for (const url of servers[0]?.requests ?? []) expect(url).toMatch(/^\/app\/info\/refs/)
  })

  it('tells of tags without an end, and is cut off', async () => {
    let written = 0
    const chunk = Buffer.concat(
      Array.from({ length: 1000 }, (_, n) => line(`${ID} refs/tags/${'x'.repeat(900)}${n}\n`)),
    )
    const source = await serve((_, response) => {
      begin(response)
      const more = (): void => {
        while (!response.destroyed) {
          written += chunk.length
          if (!response.write(chunk)) {
            response.once('drain', more)
            return
          }
        }
      }
      response.on('error', () => undefined)
      more()
    })
    await expect(tags(source)).rejects.toMatchObject({ code: 'source-fetch-failed' })
    // What git took of it is bounded by its memory, not by the time that it is given.
    expect(written).toBeLessThan(2 * 1024 ** 3)
  })

  it('tells of two hundred thousand tags, which is still a list', async () => {
    const count = 200_000
    const source = await serve((_, response) => {
      begin(response)
      const all = Array.from({ length: count }, (_tag, n) => line(`${ID} refs/tags/v1.0.${n}\n`))
      response.end(Buffer.concat([...all, Buffer.from('0000')]))
    })
    expect(await tags(source)).toHaveLength(count)
  })

  it('answers with what is no list of refs', async () => {
    for (const body of ['', '<html>', '0000', 'zzzz', line('no ref here').toString()]) {
      const source = await serve((_, response) => response.writeHead(200, ADVERTISEMENT).end(body))
      const found = await tags(source).catch((error: unknown) => error)
      if (Array.isArray(found)) expect(found).toEqual([])
      else expect(found).toMatchObject({ code: 'source-fetch-failed' })
    }
  })
})
