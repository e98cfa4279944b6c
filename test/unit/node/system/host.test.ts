import { spawnSync } from 'node:child_process'
import { describe, expect, it } from 'vitest'
import { canRun, hostPlatform, isEmulated, readHostFacts } from '../../../../node/system/host.ts'

describe('the host', () => {
  it('says what uname says', () => {
    const { stdout } = spawnSync('uname', ['-sr'], { encoding: 'utf8' })
    const facts = readHostFacts()
    expect(facts.kernel).toBe(stdout.trim())
    expect(facts.cpu).toMatch(/^[ -~]{1,128}$/)
    expect(facts.platform).toMatch(/^linux\/[a-z0-9]+(?:\/v\d)?$/)
  })

  it.each([
    ['linux/amd64', 'linux/amd64', false],
    ['linux/386', 'linux/amd64', false],
    ['linux/arm64', 'linux/amd64', true],
    ['linux/amd64', 'linux/arm64', true],
    ['linux/arm/v6', 'linux/arm/v7', false],
    ['windows/amd64', 'linux/amd64', true],
  ])('emulates %s on %s: %s', (platform, host, answer) => {
    expect(isEmulated(platform, host)).toBe(answer)
  })

  it('can run its own programs and not those of a machine that nobody emulates', () => {
    expect(canRun(hostPlatform())).toBe(true)
    expect(canRun('linux/pdp11')).toBe(false)
  })
})
