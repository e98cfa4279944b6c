import { describe, expect, it } from 'vitest'
import {
  encodeReference,
  parseReference,
  repositoryName,
  type RegistryReference,
} from '../../../../node/image/reference.ts'

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`

describe('parseReference', () => {
  it.each([
    ['debian', 'docker://docker.io/library/debian:latest'],
    ['debian:bookworm', 'docker://docker.io/library/debian:bookworm'],
    ['team/app', 'docker://docker.io/team/app:latest'],
    ['docker.io/debian', 'docker://docker.io/library/debian:latest'],
    ['index.docker.io/library/debian', 'docker://docker.io/library/debian:latest'],
    ['docker://ghcr.io/a/b/c:v1.2_x', 'docker://ghcr.io/a/b/c:v1.2_x'],
    ['localhost/app', 'docker://localhost/app:latest'],
    ['localhost:5000/app', 'docker://localhost:5000/app:latest'],
    ['127.0.0.1:5000/app:v1', 'docker://127.0.0.1:5000/app:v1'],
    ['[::1]:5000/app:v1', 'docker://[::1]:5000/app:v1'],
    ['GHCR.IO/a/b', 'docker://ghcr.io/a/b:latest'],
    [`app@${DIGEST}`, `docker://docker.io/library/app@${DIGEST}`],
    [`host.example/app:v1@${DIGEST}`, `docker://host.example/app:v1@${DIGEST}`],
    ['oci:/srv/images', 'oci:/srv/images'],
    ['oci:out:v1', 'oci:out:v1'],
    ['oci-archive:a b.tar', 'oci-archive:a b.tar'],
    ['docker-archive:a.tar:host:5000/app:v1', 'docker-archive:a.tar:host:5000/app:v1'],
  ])('reads %s as %s, which reads as itself', (text, canonical) => {
    expect(encodeReference(parseReference(text))).toBe(canonical)
    expect(encodeReference(parseReference(canonical))).toBe(canonical)
  })

  it('keeps the digest beside the tag, and takes latest only where there is neither', () => {
    expect(parseReference(`host.example/app@${DIGEST}`)).toEqual({
      transport: 'docker',
      registry: 'host.example',
      repository: 'app',
      digest: DIGEST,
    })
    expect(repositoryName(parseReference('debian') as RegistryReference)).toBe(
      'docker.io/library/debian',
    )
  })

  it.each([
    '',
    'docker://',
    'UPPER/case',
    'a//b',
    'a/b/',
    '-a',
    'a:',
    'a:-tag',
    `a:${'t'.repeat(129)}`,
    'a@sha256:12',
    `a@${DIGEST}@${DIGEST}`,
    `a@sha512:${'0'.repeat(128)}`,
    'host.example:port/app',
    'https://host.example/app',
    `${'a/'.repeat(130)}a`,
    'oci:',
    'oci::tag',
    'oci:dir:',
    'a\nb',
    'a b',
  ])('refuses %j', (text) => {
    expect(() => parseReference(text)).toThrow(
      expect.objectContaining({ code: 'reference-syntax' }) as Error,
    )
  })

  it.each(['docker-daemon:app:v1', 'containers-storage:app', 'dir:/srv'])(
    'says that the transport of %s is not supported',
    (text) => {
      expect(() => parseReference(text)).toThrow(
        expect.objectContaining({ code: 'reference-transport' }) as Error,
      )
    },
  )
})
