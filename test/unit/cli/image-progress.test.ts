import { describe, expect, it } from 'vitest'
import { showImageProgress } from '../../../cli/terminal/image-progress.ts'

const MIB = 1024 * 1024

function show(steps: readonly (readonly [ms: number, bytes: number])[]): string[] {
  const lines: string[] = []
  let now = 1000
  const out = { progress: (text: string) => void lines.push(text) }
  const listen = showImageProgress('oci:app', out, { now: () => now })
  for (const [ms, bytes] of steps) {
    now = 1000 + ms
    listen({ layer: 0, layers: 1, bytes, totalBytes: 100 * MIB })
  }
  return lines
}

describe('the progress of reading an image', () => {
  it('is a bar, bytes, and their rate', () => {
    expect(show([[2000, 50 * MIB]])).toEqual([
      `${'█'.repeat(12)}${'░'.repeat(12)} 50 %  50.0 MiB of 100.0 MiB  25.0 MiB/s  oci:app`,
    ])
  })

  it('is shown at once, without a rate', () => {
    expect(show([[0, 0]])).toEqual([`${'░'.repeat(24)} 0 %  0 B of 100.0 MiB  oci:app`])
  })

  it('is shown ten times a second at most', () => {
    const steps = Array.from({ length: 1000 }, (_, ms) => [ms, ms * 1000] as const)
    expect(show(steps)).toHaveLength(10)
  })
})
