import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { createRegistryClient } from '../../node/image/create-registry-client.ts'
import type { RegistryClient } from '../../node/image/registry-client.ts'
import { parseRegistryReference } from '../../node/image/reference.ts'
import { makeImage, pushImage, sha256 } from '../support/oci-image.ts'
import { makeTar } from '../support/tar-writer.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'

let registry: TestRegistry
let client: RegistryClient

beforeAll(async () => {
  registry = await startRegistry()
  client = createRegistryClient({ crypto: nodeCrypto, env: {} })
})

afterAll(async () => {
  await client.close()
  await registry.stop()
})

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = []
  for await (const chunk of chunks) parts.push(chunk)
  return Buffer.concat(parts)
}

function anImage(content: string) {
  return makeImage({ layers: [{ tar: makeTar([{ path: 'etc/motd', content }]) }] })
}

describe('RegistryClient with a real registry', () => {
  it('pushes an image and reads back the same bytes by tag and by digest', async () => {
    const image = anImage('hello')
    const name = `${registry.host}/team/app:v1`
    await pushImage(client, name, image)
    const reference = parseRegistryReference(name)
    const byTag = await client.getManifest(reference)
    expect(Buffer.from(byTag.bytes)).toEqual(image.bytes)
    expect(byTag).toMatchObject({ digest: image.digest, mediaType: image.mediaType })
    const { registry: host, repository } = reference
    const byDigest = await client.getManifest({ registry: host, repository, digest: image.digest })
    expect(Buffer.from(byDigest.bytes)).toEqual(image.bytes)
    for (const [digest, bytes] of image.blobs) {
      const blob = client.getBlob(reference, { digest, size: bytes.length })
      expect((await collect(blob)).equals(bytes)).toBe(true)
    }
  })

  it('resolves a tag without fetching, and lists tags', async () => {
    const image = anImage('tags')
    for (const tag of ['b', 'a', 'c'])
      await pushImage(client, `${registry.host}/tags:${tag}`, image)
    const reference = parseRegistryReference(`${registry.host}/tags:b`)
    expect(await client.resolveTag(reference)).toBe(image.digest)
    expect((await client.listTags(reference)).sort()).toEqual(['a', 'b', 'c'])
  })

  it('says registry-not-found for a missing tag, blob and repository', async () => {
    await pushImage(client, `${registry.host}/present:v1`, anImage('x'))
    const missing = parseRegistryReference(`${registry.host}/present:nope`)
    await expect(client.getManifest(missing)).rejects.toMatchObject({ code: 'registry-not-found' })
    await expect(client.resolveTag(missing)).rejects.toMatchObject({ code: 'registry-not-found' })
    await expect(
      client.listTags({ registry: registry.host, repository: 'absent' }),
    ).rejects.toMatchObject({
      code: 'registry-not-found',
    })
    const digest = sha256(Buffer.from('no such blob'))
    await expect(collect(client.getBlob(missing, { digest, size: 1 }))).rejects.toMatchObject({
      code: 'registry-not-found',
    })
  })

  it('refuses to store a blob under a digest that is not its own', async () => {
    const reference = parseRegistryReference(`${registry.host}/present:v1`)
    const blob = { digest: sha256(Buffer.from('one')), size: 3 }
    const two = async function* () {
      yield Promise.resolve(Buffer.from('two'))
    }
    await expect(client.putBlob(reference, blob, two)).rejects.toMatchObject({
      name: 'ImageError',
      status: 400,
    })
  })
})
