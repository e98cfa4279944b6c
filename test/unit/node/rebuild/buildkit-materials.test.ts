import { describe, expect, it } from 'vitest'
import { parseInfo, parsePlatforms } from '../../../../node/rebuild/buildkit-info.ts'
import { parseHistories, parseProvenance } from '../../../../node/rebuild/buildkit-materials.ts'

const hex = (digit: string): string => digit.repeat(64)
const attestation = (digest: string, type = 'https://slsa.dev/provenance/v1') => ({
  digest,
  annotations: { 'in-toto.io/predicate-type': type },
})
const record = (Ref: string, Result: unknown, Results?: unknown): string =>
  JSON.stringify({
    type: 1,
    record: { Ref, Result, ...(Results === undefined ? {} : { Results }) },
  })

describe('the daemon’s account of a build', () => {
  it('is that of this build, and no other', () => {
    const text = [
      record('one', { Attestations: [attestation('sha256:1')] }),
      record('two', { Attestations: [attestation('sha256:2'), attestation('sha256:3', 'sbom')] }),
      '',
    ].join('\n')
    expect(parseHistories(text, 'two')).toEqual(['sha256:2'])
    expect(parseHistories(text, 'three')).toEqual([])
  })

  it('may be kept by platform', () => {
    const results = { 'linux/amd64': { Attestations: [attestation('sha256:1')] } }
    expect(parseHistories(record('one', undefined, results), 'one')).toEqual(['sha256:1'])
  })

  it.each([
    ['1', (materials: unknown) => ({ buildDefinition: { resolvedDependencies: materials } })],
    ['0.2', (materials: unknown) => ({ materials })],
    [
      '1 in a statement',
      (m: unknown) => ({ predicate: { buildDefinition: { resolvedDependencies: m } } }),
    ],
  ])('names images and URLs with their digests (SLSA %s)', (_, wrap) => {
    const materials = [
      {
        uri: `pkg:docker/127.0.0.1%3A5000/library/base@1?digest=sha256:${hex('1')}&platform=linux%2Famd64`,
        digest: { sha256: hex('1') },
      },
      { uri: 'pkg:docker/debian?platform=linux%2Famd64', digest: { sha256: hex('2') } },
      { uri: 'https://example.org/file', digest: { sha256: hex('3') } },
      { uri: 'local:context' },
    ]
    expect(parseProvenance(JSON.stringify(wrap(materials)))).toEqual([
      { uri: 'docker://127.0.0.1:5000/library/base:1', digest: `sha256:${hex('1')}` },
      { uri: 'docker://debian', digest: `sha256:${hex('2')}` },
      { uri: 'https://example.org/file', digest: `sha256:${hex('3')}` },
    ])
  })

  it.each([
    'no JSON',
    '{"materials":[{"uri":"x","digest":{"sha256":"12"}}]}',
    '{"materials":[{}]}',
  ])('is refused where it is %s', (text) => {
    expect(() => parseProvenance(text)).toThrow(expect.objectContaining({ code: 'builder-failed' }))
  })
})

describe('what buildctl prints of a daemon', () => {
  it('has its version', () => {
    expect(parseInfo('BuildKit:   github.com/moby/buildkit v0.34.2 \nDockerfile: 1.28.0\n')).toBe(
      '0.34.2',
    )
    expect(parseInfo('')).toBeUndefined()
  })

  it('has its platforms, its own first', () => {
    const text = 'ID\t\tPLATFORMS\nk9xz\tlinux/amd64,linux/amd64/v2,linux/386\n'
    expect(parsePlatforms(text)).toEqual(['linux/amd64', 'linux/amd64/v2', 'linux/386'])
    expect(parsePlatforms('')).toEqual([])
  })
})
