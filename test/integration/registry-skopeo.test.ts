/** Another tool's word for it: what skopeo stores, in each of its formats, is the same image. */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { normalizeSource } from '../../node/image/normalizer.ts'
import { makeImage, writeLayout } from '../support/oci-image.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { makeTar } from '../support/tar-writer.ts'

let folder: string
let registry: TestRegistry

const IMAGE = makeImage({
  layers: [
    { tar: makeTar([{ path: 'a', content: 'x'.repeat(5000) }]) },
    { tar: makeTar([{ path: 'b/', type: 'directory', mode: 0o755 }]) },
  ],
  config: {
    config: { Env: ['A=b'], WorkingDir: '/b' },
    history: [{ created_by: 'a' }, { created_by: 'b' }],
  },
})

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rebuildnet-skopeo-'))
  registry = await startRegistry()
  await writeLayout(join(folder, 'layout'), { v1: IMAGE })
})

afterAll(async () => {
  await registry.stop()
  await rm(folder, { recursive: true })
})

async function skopeoCopy(to: string, ...options: string[]): Promise<void> {
  const from = `oci:${join(folder, 'layout')}:v1`
  await promisify(execFile)('skopeo', ['--insecure-policy', 'copy', '-q', ...options, from, to])
}

const normalize = (reference: string) =>
  normalizeSource({ crypto: nodeCrypto, env: {} }, { reference })

describe('images that skopeo copied', () => {
  it.each([
    ['an OCI archive', () => `oci-archive:${join(folder, 'copy.oci.tar')}:v1`, []],
    [
      'a docker archive',
      () => `docker-archive:${join(folder, 'copy.docker.tar')}:example.com/app:v1`,
      [],
    ],
    ['a registry', () => `docker://${registry.host}/oci:v1`, ['--dest-tls-verify=false']],
    [
      'a registry, as a Docker manifest',
      () => `docker://${registry.host}/v2s2:v1`,
      ['--dest-tls-verify=false', '-f', 'v2s2'],
    ],
    [
      'a layout, as zstd',
      () => `oci:${join(folder, 'zstd')}:v1`,
      ['--dest-compress-format', 'zstd', '--dest-compress'],
    ],
  ] as const)('have the same digests in %s', async (_name, reference, options) => {
    const original = await normalize(`oci:${join(folder, 'layout')}:v1`)
    await skopeoCopy(reference(), ...options)
    const copy = await normalize(reference())
    expect(copy.normalized.normalizedDigest).toBe(original.normalized.normalizedDigest)
    expect(copy.normalized.rootfsDigest).toBe(original.normalized.rootfsDigest)
  })
})
