/** Every route over a real unix socket, against the API's own description. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { DIGEST, IMAGE, KEY, OPERATOR, SID } from '../support/memory-service.ts'
import { TestApi } from '../support/api-server.ts'

interface Operation {
  readonly operationId: string
  readonly summary: string
  readonly responses: Record<string, { content: Record<string, { schema: { $ref: string } }> }>
}

interface Description {
  readonly paths: Record<string, Record<string, Operation>>
  readonly components: { readonly schemas: Record<string, object> }
}

let api: TestApi
let description: Description

beforeAll(async () => {
  api = await TestApi.start()
  description = (await api.ask({ path: '/openapi.json' })).json as Description
})
afterAll(() => api.stop())

/** One call of each operation that answers with JSON. */
const image = encodeURIComponent(IMAGE)
const CALLS: Record<string, { method: string; path: string; body?: unknown }> = {
  getVerdict: { method: 'GET', path: `/v1/verdict?image=${IMAGE}:1&platform=linux/amd64` },
  getDiff: { method: 'GET', path: `/v1/diff?release=${SID}&a=alice&b=published` },
  exportBundle: { method: 'GET', path: `/v1/bundle?image=${image}&platform=linux/amd64` },
  importBundle: { method: 'POST', path: '/v1/bundles', body: { bundle: 'AQID' } },
  listProofs: { method: 'GET', path: `/v1/proofs?operator=${OPERATOR}` },
  getStatistics: { method: 'GET', path: `/v1/statistics?image=${image}&last=5` },
  listReleases: { method: 'GET', path: `/v1/releases?image=${image}` },
  announceRelease: { method: 'POST', path: '/v1/releases', body: { image: IMAGE, version: '2' } },
  getStatement: { method: 'GET', path: `/v1/statements/${SID}` },
  listLog: { method: 'GET', path: '/v1/log?limit=5' },
  withdraw: { method: 'POST', path: '/v1/withdrawals', body: { reference: SID, reason: 'broken' } },
  listProjects: { method: 'GET', path: '/v1/projects' },
  followProject: {
    method: 'POST',
    path: '/v1/projects',
    body: { projectFile: 'image = "x"', build: true, trustRecipe: false },
  },
  previewProject: {
    method: 'POST',
    path: '/v1/projects/preview',
    body: { projectFile: 'image = "x"', build: false, trustRecipe: false },
  },
  unfollowProject: { method: 'DELETE', path: `/v1/projects/${image}` },
  listWatches: { method: 'GET', path: '/v1/watches' },
  pollWatch: { method: 'POST', path: `/v1/watches/${image}/poll` },
  listQueue: { method: 'GET', path: '/v1/queue' },
  retryQueueItem: { method: 'POST', path: '/v1/queue/item-1/retry' },
  cancelQueueItem: { method: 'POST', path: '/v1/queue/item-1/cancel' },
  prioritizeQueueItem: {
    method: 'POST',
    path: '/v1/queue/item-1/priority',
    body: { priority: 'high' },
  },
  pauseQueue: { method: 'POST', path: '/v1/queue/pause', body: { stop: true } },
  resumeQueue: { method: 'POST', path: '/v1/queue/resume', body: {} },
  planRebuild: { method: 'GET', path: `/v1/rebuilds/plan?reference=${SID}` },
  rebuild: { method: 'POST', path: '/v1/rebuilds', body: { reference: SID } },
  listOperators: { method: 'GET', path: '/v1/operators' },
  trustOperator: { method: 'POST', path: '/v1/operators', body: { card: 'AQID', groups: ['eu'] } },
  getCard: { method: 'GET', path: '/v1/card' },
  adoptCard: { method: 'POST', path: '/v1/card', body: { card: 'AQID', earlier: ['AQ=='] } },
  getLogEnd: { method: 'GET', path: `/v1/log-ends/${KEY}?size=3` },
  previewTrustList: {
    method: 'POST',
    path: '/v1/trust-lists/preview',
    body: { list: 'format = 1', signature: 'x', signer: 'SHA256:abc' },
  },
  importTrustList: {
    method: 'POST',
    path: '/v1/trust-lists',
    body: { list: 'format = 1', signature: 'x', token: 'token' },
  },
  untrustOperator: { method: 'DELETE', path: `/v1/operators/${OPERATOR}` },
  getStatus: { method: 'GET', path: '/v1/status' },
  prune: { method: 'POST', path: '/v1/prune', body: { dryRun: true, olderThan: 60 } },
  listPeers: { method: 'GET', path: '/v1/peers' },
  listAlerts: { method: 'GET', path: '/v1/alerts?open=true' },
  getHealth: { method: 'GET', path: '/healthz' },
  getReadiness: { method: 'GET', path: '/readyz' },
  getOpenApi: { method: 'GET', path: '/openapi.json' },
}

function validatorOf(schema: { $ref: string }) {
  const ajv = new Ajv2020({ strict: false, allErrors: true })
  ajv.addSchema({ $id: 'https://api.example/openapi.json', ...description })
  return ajv.compile({ $ref: `https://api.example/openapi.json${schema.$ref}` })
}

function operations(): Map<string, Operation> {
  return new Map(
    Object.values(description.paths)
      .flatMap((path) => Object.values(path))
      .map((operation) => [operation.operationId, operation]),
  )
}

describe('the description', () => {
  it('names every operation that is called here, and none that is not', () => {
    expect([...operations().keys()].sort()).toEqual([...Object.keys(CALLS), 'streamEvents'].sort())
  })

  it('has every path of the design that is served', () => {
    expect(Object.keys(description.paths)).toEqual(
      expect.arrayContaining([
        '/v1/verdict',
        '/v1/releases',
        '/v1/statements/{sid}',
        '/v1/operators',
        '/v1/queue',
        '/v1/peers',
        '/v1/alerts',
        '/v1/diff',
        '/v1/bundle',
        '/v1/proofs',
        '/v1/projects',
        '/v1/log',
        '/v1/status',
        '/v1/events',
        '/healthz',
        '/readyz',
        '/openapi.json',
      ]),
    )
  })

  it('refers to no component that it does not have', () => {
    const references = [
      ...JSON.stringify(description).matchAll(/"#\/components\/schemas\/([^"]+)"/g),
    ].map((match) => match[1] ?? '')
    expect(references.length).toBeGreaterThan(30)
    for (const name of references) expect(description.components.schemas).toHaveProperty(name)
  })
})

describe.each(Object.entries(CALLS))('%s', (id, call) => {
  it('answers as its description says', async () => {
    const reply =
      call.body === undefined
        ? await api.ask({ method: call.method, path: call.path })
        : await api.post(call.path, call.body)
    expect(reply.status, reply.text).toBe(200)
    const schema = operations().get(id)!.responses['200']!.content['application/json']!.schema
    const validate = validatorOf(schema)
    expect(validate(reply.json), JSON.stringify(validate.errors)).toBe(true)
  })
})

describe('errors', () => {
  it('are problem documents as the description says', async () => {
    const reply = await api.ask({ path: '/v1/statements/ffffffff' })
    expect(reply.status).toBe(404)
    expect(reply.headers['content-type']).toMatch(/^application\/problem\+json/)
    const schema =
      operations().get('getStatement')!.responses.default!.content['application/problem+json']!
        .schema
    expect(validatorOf(schema)(reply.json)).toBe(true)
    expect(reply.json).toMatchObject({ code: 'not-found', status: 404 })
  })

  it('keep the code of the family error that the service threw', async () => {
    const reply = await api.ask({ method: 'DELETE', path: '/v1/projects/other.example%2Fapp' })
    expect(reply.status).toBe(404)
    expect(reply.json).toMatchObject({ code: 'not-followed', family: 'ConfigError' })
  })

  it('name the field that is not known', async () => {
    const reply = await api.ask({ path: `/v1/verdict?image=${IMAGE}&plattform=x` })
    expect(reply.status).toBe(400)
    expect(reply.json).toMatchObject({ code: 'bad-request', detail: 'unknown field "plattform"' })
  })

  it('say internal, without a stack, where the fault is ours, and log it', async () => {
    api.service.failure = new Error('an invariant\n    at broke (file.ts:1:1)')
    const reply = await api.ask({ path: '/v1/status' })
    expect(reply.status).toBe(500)
    expect(reply.json).toMatchObject({ code: 'internal' })
    expect(reply.text).not.toContain('file.ts')
    expect(api.logger.errors).toContain('a request failed')
  })

  it('name a full disk in one line, which is logged without a stack', async () => {
    const full = { code: 'ENOSPC', syscall: 'write', path: '/data/projects/app.toml' }
    api.service.failure = Object.assign(new Error('ENOSPC: no space left'), full)
    const reply = await api.ask({ path: '/v1/status' })
    const detail = '/data/projects/app.toml: no space is left on the disk: free some (ENOSPC)'
    expect(reply.json).toMatchObject({ code: 'system', detail })
    expect(api.logger.errors).toContain('a request failed')
    expect(api.logger.fields.at(-1)).toEqual({
      ...{ reason: detail, method: 'GET', path: '/v1/status' },
    })
  })

  it('cover paths that do not exist', async () => {
    const reply = await api.ask({ path: '/v1/nothing' })
    expect(reply.status).toBe(404)
    expect(reply.json).toMatchObject({ code: 'not-found' })
  })
})

describe('references', () => {
  it('may be IMAGE@VERSION, with slashes escaped', async () => {
    const reply = await api.ask({
      path: `/v1/statements/${encodeURIComponent(`${IMAGE}@1.0.0`)}`,
    })
    expect(reply.json).toMatchObject({ sid: SID })
  })

  it('reach the verdict as they were given', async () => {
    const asked = `${IMAGE}:1.0@${DIGEST}`
    await api.ask({ path: `/v1/verdict?image=${encodeURIComponent(asked)}` })
    expect(api.service.asked.at(-1)).toEqual({ image: asked })
  })
})

describe('readiness', () => {
  it('is 503 with the reason while the store is read-only', async () => {
    api.service.state = {
      ...api.service.state,
      readOnly: true,
      readOnlyReason: 'a disk broke: mend it',
    }
    const reply = await api.ask({ path: '/readyz' })
    api.service.state = { ...api.service.state, readOnly: false, readOnlyReason: null }
    expect(reply.status).toBe(503)
    expect(reply.json).toEqual({
      ready: false,
      reasons: ['a disk broke: mend it'],
    })
  })
})
