/** What a registry can do that a real one cannot be made to show: RegistryClient against hand-made answers. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { LookupAddress } from 'node:dns'
import type { RequestListener, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import {
  createRegistryClient,
  type CreateRegistryClientComponents,
  type CreateRegistryClientOptions,
} from '../../node/image/create-registry-client.ts'
import type { RegistryClient } from '../../node/image/registry-client.ts'
import { parseRegistryReference } from '../../node/image/reference.ts'
import { startServer, type TestServer } from '../support/http-server.ts'
import { OCI_MANIFEST, sha256 } from '../support/oci-image.ts'

const cleanup: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const each of cleanup.splice(0).reverse()) await each()
})

async function serve(listener: RequestListener): Promise<TestServer> {
  const server = await startServer(listener)
  cleanup.push(() => server.stop())
  return server
}

/** A client that does not wait, and says how long it would have. */
function makeClient(
  components: Partial<CreateRegistryClientComponents> = {},
  options: CreateRegistryClientOptions = {},
): { readonly client: RegistryClient; readonly delays: number[] } {
  const delays: number[] = []
  const delay = async (ms: number): Promise<void> => void delays.push(ms)
  const client = createRegistryClient(
    { crypto: nodeCrypto, env: { HOME: '/nonexistent' }, delay, ...components },
    options,
  )
  cleanup.push(() => client.close())
  return { client, delays }
}

async function dockerConfig(config: unknown): Promise<NodeJS.ProcessEnv> {
  const folder = await mkdtemp(join(tmpdir(), 'rebuildnet-docker-'))
  cleanup.push(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'config.json'), JSON.stringify(config))
  return { DOCKER_CONFIG: folder, PATH: `${folder}:${process.env.PATH ?? ''}` }
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

const MANIFEST = Buffer.from('{"schemaVersion":2}')
const BLOB = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 7 + (i >> 8)) & 255))
const blob = { digest: sha256(BLOB), size: BLOB.length }

function sendManifest(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': OCI_MANIFEST }).end(MANIFEST)
}

const at = (server: TestServer, name = 'app:v1') => parseRegistryReference(`${server.host}/${name}`)
const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`

describe('logins', () => {
  it('answers a bearer challenge with a token for just this repository', async () => {
    const server: TestServer = await serve((request, response) => {
      const url = new URL(request.url ?? '', 'http://x')
      if (url.pathname === '/token') response.end(JSON.stringify({ token: 'let-me-in' }))
      else if (request.headers.authorization === 'Bearer let-me-in') sendManifest(response)
      else {
        const challenge = `Bearer realm="http://${server.host}/token",service="reg, with comma",scope="repository:app:pull"`
        response.writeHead(401, { 'www-authenticate': challenge }).end()
      }
    })
    const { client } = makeClient({
      env: await dockerConfig({
        auths: { [server.host]: { auth: Buffer.from('me:pass:word').toString('base64') } },
      }),
    })
    expect((await client.getManifest(at(server))).digest).toBe(sha256(MANIFEST))
    const asked = server.seen.find(({ path }) => path.startsWith('/token'))
    expect(asked?.headers.authorization).toBe(basic('me:pass:word'))
    expect([...new URL(asked?.path ?? '', 'http://x').searchParams]).toEqual([
      ['service', 'reg, with comma'],
      ['scope', 'repository:app:pull'],
    ])
    await client.getManifest(at(server))
    expect(server.seen.filter(({ path }) => path.startsWith('/token'))).toHaveLength(1)
  })

  it('fetches a new token when the old one is refused', async () => {
    let issued = 0
    const server: TestServer = await serve((request, response) => {
      if (request.url?.startsWith('/token') === true)
        response.end(JSON.stringify({ access_token: `t${++issued}` }))
      else if (
        issued > 0 &&
        request.headers.authorization === `Bearer t${issued}` &&
        server.seen.length !== 4
      )
        sendManifest(response)
      else
        response
          .writeHead(401, { 'www-authenticate': `Bearer realm="http://${server.host}/token"` })
          .end()
    })
    const { client } = makeClient()
    await client.getManifest(at(server))
    await client.getManifest(at(server))
    expect(issued).toBe(2)
  })

  it('exchanges an identity token, and says it is unauthorized where that is refused', async () => {
    let accept = true
    const forms: string[] = []
    const server: TestServer = await serve((request, response) => {
      if (request.method === 'POST') {
        request.setEncoding('utf8').on('data', (text: string) => forms.push(text))
        request.on('end', () => {
          if (accept) response.end(JSON.stringify({ access_token: 'fresh' }))
          else
            response
              .writeHead(401)
              .end(JSON.stringify({ errors: [{ code: 'DENIED', message: 'who\u001b[31m?' }] }))
        })
      } else if (request.headers.authorization === 'Bearer fresh') sendManifest(response)
      else
        response
          .writeHead(401, {
            'www-authenticate': `Bearer realm="http://${server.host}/token",service="s"`,
          })
          .end()
    })
    const env = await dockerConfig({
      auths: { [`https://${server.host}/v2/`]: { identitytoken: 'long-lived' } },
    })
    await makeClient({ env }).client.getManifest(at(server))
    expect(Object.fromEntries(new URLSearchParams(forms[0]))).toMatchObject({
      grant_type: 'refresh_token',
      refresh_token: 'long-lived',
      service: 's',
      scope: 'repository:app:pull',
    })
    accept = false
    const refused = makeClient({ env }).client.getManifest(at(server))
    await expect(refused).rejects.toMatchObject({ code: 'registry-unauthorized', status: 401 })
    // What a stranger says reaches no terminal as it is.
    await expect(refused).rejects.toThrow('DENIED: who?[31m?')
  })

  it('asks the credential helper of the host for a Basic login', async () => {
    const server = await serve((request, response) => {
      if (request.headers.authorization === basic('helped:secret')) sendManifest(response)
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end()
    })
    const env = await dockerConfig({
      credHelpers: { [server.host]: 'testing' },
      credsStore: 'not-installed',
    })
    const helper = join(env.DOCKER_CONFIG ?? '', 'docker-credential-testing')
    await writeFile(
      helper,
      '#!/bin/sh\nread server\nprintf \'{"ServerURL":"%s","Username":"helped","Secret":"secret"}\' "$server"\n',
    )
    await chmod(helper, 0o755)
    expect((await makeClient({ env }).client.getManifest(at(server))).digest).toBe(sha256(MANIFEST))
    const missing = await dockerConfig({ credsStore: 'not-installed' })
    await expect(makeClient({ env: missing }).client.getManifest(at(server))).rejects.toMatchObject(
      {
        code: 'credentials-invalid',
      },
    )
  })

  it('sends a login to no other origin, when it is redirected and when it is asked for one there', async () => {
    const elsewhere = await serve((_request, response) => void response.end(BLOB))
    const server: TestServer = await serve((request, response) => {
      if (request.headers.authorization === undefined) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="r"' }).end()
      } else response.writeHead(307, { location: `http://${elsewhere.host}/store/x?sig=1` }).end()
    })
    const env = await dockerConfig({
      auths: { [server.host]: { username: 'me', password: 'secret' } },
    })
    expect((await collect(makeClient({ env }).client.getBlob(at(server), blob))).equals(BLOB)).toBe(
      true,
    )
    expect(elsewhere.seen.map(({ path }) => path)).toEqual(['/store/x?sig=1'])
    expect(elsewhere.seen[0]?.headers).not.toHaveProperty('authorization')
  })
})

describe('a registry that is busy or broken', () => {
  it('waits as long as it is asked to, and tries again', async () => {
    let busy = 2
    const server = await serve((_request, response) => {
      if (busy-- > 0) response.writeHead(429, { 'retry-after': '7' }).end()
      else sendManifest(response)
    })
    const { client, delays } = makeClient()
    await client.getManifest(at(server))
    expect(delays).toEqual([7000, 7000])
  })

  it('does not wait for an hour: registry-rate-limited', async () => {
    const server = await serve(
      (_request, response) => void response.writeHead(429, { 'retry-after': '3600' }).end(),
    )
    const { client, delays } = makeClient()
    await expect(client.getManifest(at(server))).rejects.toMatchObject({
      code: 'registry-rate-limited',
      transient: true,
    })
    expect(delays).toEqual([])
  })

  it('tries five times, with growing pauses, before it says registry-server', async () => {
    const server = await serve((_request, response) => void response.writeHead(503).end())
    const { client, delays } = makeClient()
    await expect(client.getManifest(at(server))).rejects.toMatchObject({
      code: 'registry-server',
      status: 503,
    })
    expect(server.seen.filter(({ path }) => path.includes('manifests'))).toHaveLength(5)
    expect(delays).toHaveLength(4)
    expect([...delays].sort((a, b) => a - b)).toEqual(delays)
  })

  it('says registry-unreachable where nothing listens', async () => {
    const server = await serve(() => undefined)
    await server.stop()
    await expect(makeClient().client.getManifest(at(server))).rejects.toMatchObject({
      code: 'registry-unreachable',
    })
  })

  /** Answers each request with at most `portion` bytes and then breaks the connection. */
  function breaking(portion: number, honoursRange: boolean): RequestListener {
    return (request, response) => {
      const from = honoursRange
        ? Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
        : 0
      const headers = {
        'content-length': BLOB.length - from,
        'content-range': `bytes ${from}-${BLOB.length - 1}/${BLOB.length}`,
      }
      response.writeHead(from > 0 ? 206 : 200, headers)
      const end = Math.min(BLOB.length, from + portion)
      response.write(BLOB.subarray(from, end), () =>
        end === BLOB.length ? response.end() : response.destroy(),
      )
    }
  }

  it('resumes a body that breaks at the byte where it broke', async () => {
    const server = await serve(breaking(70_000, true))
    expect((await collect(makeClient().client.getBlob(at(server), blob))).equals(BLOB)).toBe(true)
    const ranges = server.seen
      .map(({ headers }) => headers.range)
      .filter((range) => range !== undefined)
    expect(ranges.length).toBeGreaterThan(3)
  })

  it('reads over what it has where the server knows no ranges', async () => {
    let portion = 0
    const server = await serve((request, response) =>
      breaking((portion += 100_000), false)(request, response),
    )
    expect((await collect(makeClient().client.getBlob(at(server), blob))).equals(BLOB)).toBe(true)
  })

  it('gives up on a body that never gets on', async () => {
    const server = await serve(breaking(1000, false))
    await expect(collect(makeClient().client.getBlob(at(server), blob))).rejects.toMatchObject({
      code: 'registry-unreachable',
    })
    expect(server.seen.length).toBeLessThan(10)
  })

  it('gives up on a body that stands still', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': BLOB.length })
      response.write(BLOB.subarray(0, 10))
    })
    const { client } = makeClient(
      {},
      { transport: { bodyTimeoutMs: 50 }, client: { resumeAttempts: 1 } },
    )
    await expect(collect(client.getBlob(at(server), blob))).rejects.toMatchObject({
      code: 'registry-timeout',
    })
  })

  it('stops at once when it is told to', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(200, { 'content-length': BLOB.length })
      response.write(BLOB.subarray(0, 10))
    })
    const controller = new AbortController()
    const reason = new Error('enough')
    const reading = (async () => {
      for await (const _chunk of makeClient().client.getBlob(at(server), blob, controller.signal))
        controller.abort(reason)
    })()
    await expect(reading).rejects.toBe(reason)
  })
})

describe('a registry that lies', () => {
  it('says registry-digest where blob or manifest are not what was asked for', async () => {
    const server = await serve((request, response) => {
      if (request.url?.includes('/blobs/') === true) response.end(Buffer.from(BLOB).fill(1, 0, 1))
      else sendManifest(response)
    })
    const { client } = makeClient()
    await expect(collect(client.getBlob(at(server), blob))).rejects.toMatchObject({
      code: 'registry-digest',
    })
    const digest = sha256(Buffer.from('another'))
    await expect(client.getManifest(at(server, `app@${digest}`))).rejects.toMatchObject({
      code: 'registry-digest',
    })
  })

  it('says registry-digest where a tag comes with a digest that is not its own', async () => {
    const server = await serve((_request, response) => {
      response.setHeader('docker-content-digest', sha256(Buffer.from('another')))
      sendManifest(response)
    })
    await expect(makeClient().client.getManifest(at(server))).rejects.toMatchObject({
      code: 'registry-digest',
    })
  })

  it('delivers a blob that is larger than its descriptor says, if the digest is right', async () => {
    const server = await serve((_request, response) => void response.end(BLOB))
    expect(await collect(makeClient().client.getBlob(at(server), { ...blob, size: 10 }))).toEqual(
      BLOB,
    )
  })

  it('reads no manifest of more than a mebibyte', async () => {
    const server = await serve((_request, response) => {
      response
        .writeHead(200, { 'content-type': OCI_MANIFEST })
        .end(Buffer.alloc(1024 * 1024 + 1, 0x20))
    })
    await expect(makeClient().client.getManifest(at(server))).rejects.toMatchObject({
      code: 'registry-protocol',
    })
  })

  it('leaves a list of tags that has no end', async () => {
    const server = await serve((_request, response) => {
      response
        .writeHead(200, { link: '</v2/app/tags/list?last=a&n=1>; rel="next"' })
        .end('{"tags":["a"]}')
    })
    await expect(makeClient().client.listTags(at(server))).rejects.toMatchObject({
      code: 'registry-protocol',
    })
  })
})

describe('T20: addresses that strangers may not lead to', () => {
  const redirectTo = (location: string): RequestListener => {
    return (_request, response) => void response.writeHead(302, { location }).end()
  }

  it.each([
    ['http://10.0.0.1/x', 'redirect-refused'],
    ['https://10.0.0.1/x', 'address-refused'],
    ['https://[fd00::1]/x', 'address-refused'],
    ['https://169.254.169.254/latest/meta-data', 'address-refused'],
    ['file:///etc/passwd', 'redirect-refused'],
    ['https://metadata.test/x', 'address-refused'],
  ])('refuses a redirect to %s', async (location, code) => {
    const server = await serve(redirectTo(location))
    const resolveHost = (
      _name: string,
      callback: (error: null, addresses: LookupAddress[]) => void,
    ) => {
      callback(null, [{ address: '169.254.169.254', family: 4 }])
    }
    const { client } = makeClient({ resolveHost })
    await expect(collect(client.getBlob(at(server), blob))).rejects.toMatchObject({ code })
  })

  it('follows no circle of redirects', async () => {
    const server = await serve(redirectTo('/again'))
    await expect(makeClient().client.getManifest(at(server))).rejects.toMatchObject({
      code: 'redirect-refused',
    })
  })

  /** The loopback server under a name that is not loopback's. */
  async function named(addresses: LookupAddress[], insecure: (name: string) => string[]) {
    const server = await serve((_request, response) => sendManifest(response))
    const name = `registry.test:${server.host.split(':')[1] ?? ''}`
    const { client } = makeClient(
      { resolveHost: (_name, callback) => callback(null, addresses) },
      { insecure: insecure(name), transport: { attempts: 1 } },
    )
    return { server, reading: client.getManifest(parseRegistryReference(`${name}/app:v1`)) }
  }

  const loopback = { address: '127.0.0.1', family: 4 }

  it('refuses a name that resolves to an address inside, and asks nothing of it', async () => {
    const { server, reading } = await named([loopback], () => [])
    await expect(reading).rejects.toMatchObject({ code: 'address-refused' })
    expect(server.seen).toEqual([])
  })

  it('refuses a name of which one address of several is inside', async () => {
    const { reading } = await named([{ address: '1.1.1.1', family: 4 }, loopback], () => [])
    await expect(reading).rejects.toMatchObject({ code: 'address-refused' })
  })

  it('goes there, in plain http, where the user lists the host as insecure', async () => {
    const { reading } = await named([loopback], (name) => [name])
    expect((await reading).digest).toBe(sha256(MANIFEST))
  })

  it('is not led from a listed host to our own loopback', async () => {
    const inside = await serve((_request, response) => sendManifest(response))
    const server = await serve(redirectTo(`http://${inside.host}/secret`))
    const name = `registry.test:${server.host.split(':')[1] ?? ''}`
    const { client } = makeClient(
      { resolveHost: (_name, callback) => callback(null, [loopback]) },
      { insecure: [name] },
    )
    await expect(
      client.getManifest(parseRegistryReference(`${name}/app:v1`)),
    ).rejects.toMatchObject({
      code: 'address-refused',
    })
    expect(inside.seen).toEqual([])
  })

  it('asks no token server that a redirect could not lead to', async () => {
    const server = await serve((_request, response) => {
      response
        .writeHead(401, { 'www-authenticate': 'Bearer realm="http://192.168.0.1/token"' })
        .end()
    })
    await expect(makeClient().client.getManifest(at(server))).rejects.toMatchObject({
      code: 'redirect-refused',
    })
  })
})
