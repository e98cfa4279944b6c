import { describe, expect, it } from 'vitest'
import { explainBuildKitFailure } from '../../../../node/rebuild/buildkit-failure.ts'

function explain(output: string, more: { exitCode?: number; network?: boolean } = {}) {
  const { code, message } = explainBuildKitFailure({
    exitCode: 1,
    output,
    network: true,
    work: '/data/1/build',
    source: '/data/1/source',
    address: undefined,
    ...more,
  })
  return { code, message }
}

const step = (code: number): string =>
  `error: failed to solve: process "/bin/sh -c x" did not complete successfully: exit code: ${code}`

describe('a build by BuildKit that failed', () => {
  it.each([
    ['a step', step(3), 'step-failed'],
    ['a killed step', step(137), 'builder-killed'],
    ['a step without network', `Could not resolve host: x\n${step(6)}`, 'step-fetch-failed'],
    ['a step that runc cannot start', `0.1 runc run failed: x\n${step(1)}`, 'builder-failed'],
    [
      'a step that the node could not confine',
      `0.1 OCI runtime: this step cannot be confined\n${step(1)}`,
      'builder-failed',
    ],
    [
      'a Dockerfile',
      'error: failed to solve: dockerfile parse error on line 4: unknown instruction: FRBO',
      'dockerfile-invalid',
    ],
    [
      'a target',
      'error: failed to solve: target stage "x" could not be found',
      'dockerfile-invalid',
    ],
    [
      'a missing file',
      'error: failed to solve: failed to compute cache key: failed to calculate checksum of ref a::b: "/no": not found',
      'step-failed',
    ],
    [
      'a registry',
      'error: failed to solve: 127.0.0.1:9/x:1: failed to resolve source metadata for 127.0.0.1:9/x:1: connection refused',
      'base-fetch-failed',
    ],
    [
      'a tag',
      'error: failed to solve: r.example/x:1: failed to resolve source metadata for r.example/x:1: r.example/x:1: not found',
      'base-fetch-failed',
    ],
    [
      'the own image',
      'error: failed to solve: source "docker-image://r.example/own:1" denied by policy: source denied by policy',
      'recipe-reads-own-image',
    ],
    [
      'a URL without network',
      'error: failed to solve: source "https://example.org/x" denied by policy: source denied by policy',
      'step-failed',
    ],
    ['a full disk', `write /x: no space left on device\n${step(1)}`, 'disk-full'],
    ['what is not known', 'error: failed to solve: something new', 'builder-failed'],
    [
      'a daemon that is not there',
      'error: failed to dial "tcp://b:1". make sure buildkitd is running: connection refused',
      'builder-unreachable',
    ],
  ])('for %s says so', (_, output, code) => {
    expect(explain(output).code).toBe(code)
  })

  it('without a network by the recipe’s own wish is the recipe’s fault', () => {
    const output = `Could not resolve host: x\n${step(6)}`
    expect(explain(output, { network: false }).code).toBe('step-failed')
  })

  it('says a line that is the same at each build', () => {
    expect(explain('error: failed to solve: /data/1/source/a in /data/1/build/state').message).toBe(
      'BuildKit failed: $SOURCE/a in $WORK/state',
    )
  })

  it('by a signal is no result', () => {
    expect(explain('', { exitCode: 143 }).code).toBe('builder-killed')
  })
})
