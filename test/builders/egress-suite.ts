/** What the steps of a build may reach, whoever runs them: what the recipe declares, and no more. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Builder } from '../../node/rebuild/builder.ts'
import { useBuilder } from './use-builder.ts'

const INDEX = 'Origin: Debian\nDate: today\n'

export function describeEgress(name: string, create: () => Builder): void {
  describe(`the way out of builds by ${name}`, () => {
    const { builder, workshop, fail, never, dockerfile } = useBuilder(create)
    let archive: Server
    let other: Server
    beforeAll(async () => {
      archive = await serve()
      other = await serve()
    })
    afterAll(() => {
      for (const server of [archive, other]) {
        server.closeAllConnections()
        server.close()
      }
    })
    const makeJob = async (url: string) => {
      const source = await dockerfile(`RUN wget -q -O /fetched ${url}\n`)
      const host = `127.0.0.1:${portOf(archive)}`
      // Whoever follows the project lets it reach this machine; the recipe says what it needs.
      const insecureRegistries = [host, `127.0.0.1:${portOf(other)}`]
      return workshop().makeJob(source, { egress: [host] }, {}, { insecureRegistries })
    }

    it('leads to what the recipe declares, and the index of an archive is a material', async () => {
      const url = `http://127.0.0.1:${portOf(archive)}/debian/dists/bookworm/InRelease`
      const result = await builder().build(await makeJob(url), never)
      expect(result.kind === 'failed' ? result.logTail : '').toBe('')
      const digest = `sha256:${createHash('sha256').update(INDEX).digest('hex')}`
      const { materials = [] } = result.kind === 'built' ? result : {}
      expect(materials.filter(({ uri }) => uri.startsWith('http'))).toEqual([{ uri: url, digest }])
    })

    it('leads nowhere else: a step that wanted to says nothing about its recipe', async () => {
      const url = `http://127.0.0.1:${portOf(other)}/file`
      expect(await fail(await makeJob(url))).toMatchObject({
        code: 'egress-refused',
        class: 'infrastructure',
      })
    })
  })
}

async function serve(): Promise<Server> {
  const server = createServer((_, answer) => answer.end(INDEX)).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port
}
