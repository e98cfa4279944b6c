import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { indexDigest, type IndexedImage } from '../../../../protocol/normalize/index-digest.ts'
import { DEFAULT_PROFILE } from '../../../../protocol/normalize/profile.ts'

const image = (platform: string, digit: string): IndexedImage => ({
  profile: 'rebuildnet/1',
  platform,
  normalizedDigest: `rebuildnet/1:sha256:${digit.repeat(64)}`,
})
const digest = (...images: IndexedImage[]): string =>
  indexDigest({ crypto: nodeCrypto }, DEFAULT_PROFILE, images)

const AMD = image('linux/amd64', 'a')
const ARM = image('linux/arm64', 'b')

describe('the index digest', () => {
  it('is the tagged hash of the sorted platforms and their images', () => {
    const tag = createHash('sha256').update('rebuildnet/1\0index').digest()
    const hash = createHash('sha256').update(tag).update(tag).update(Buffer.from('00000002', 'hex'))
    for (const [platform, digit] of [
      ['linux/amd64', 'a'],
      ['linux/arm64', 'b'],
    ] as const) {
      hash.update(Buffer.from([0, platform.length])).update(platform)
      hash.update(Buffer.from(digit.repeat(64), 'hex'))
    }
    expect(digest(ARM, AMD)).toBe(`rebuildnet/1:sha256:${hash.digest('hex')}`)
  })

  it('does not depend on order, and depends on every platform and image', () => {
    expect(digest(AMD, ARM)).toBe(digest(ARM, AMD))
    expect(digest(AMD)).not.toBe(digest(AMD, ARM))
    expect(digest(AMD)).not.toBe(digest(image('linux/amd64', 'c')))
    expect(digest(AMD)).not.toBe(digest(image('linux/386', 'a')))
  })

  it('is refused for two images of one platform', () => {
    expect(() => digest(AMD, image('linux/amd64', 'c'))).toThrow(
      expect.objectContaining({ code: 'index-duplicate-platform' }),
    )
  })

  it('is refused for an image under another profile', () => {
    const other = { ...AMD, normalizedDigest: AMD.normalizedDigest.replace('/1', '/1;drop=x') }
    expect(() => digest(other)).toThrow(expect.objectContaining({ code: 'profile-unknown' }))
  })
})
