import { describe, expect, it } from 'vitest'
import { BuildError } from '../../../../node/rebuild/build-error.ts'
import {
  checkSourceLocation,
  parseSourceLocation,
} from '../../../../node/rebuild/source-location.ts'

async function check(source: string, insecure: readonly string[] = []): Promise<string> {
  try {
    const addresses = await checkSourceLocation(parseSourceLocation(source), insecure)
    return addresses.length === 0 ? 'allowed' : `pinned to ${addresses.join(',')}`
  } catch (error) {
    if (!(error instanceof BuildError)) throw error
    return error.code
  }
}

describe('a source address', () => {
  it('is given to git without its prefix', () => {
    expect(parseSourceLocation('git+https://example.com/a/b.git')).toEqual({
      protocol: 'https',
      url: 'https://example.com/a/b.git',
      host: 'example.com',
      port: 443,
    })
    expect(parseSourceLocation('git+http://example.com:3000/a').port).toBe(3000)
    expect(parseSourceLocation('git+file:///srv/a').url).toBe('file:///srv/a')
  })

  it.each([
    '',
    'https://example.com/a',
    'git+ssh://git@example.com/a',
    'git+ext::sh -c id',
    'git+https://',
    'git+https://example.com',
    'git+https://example.com/',
    'git+https://user:secret@example.com/a',
    'git+https://example.com/a?x=1',
    'git+https://example.com/a#main',
    'git+https://example.com/a b',
    'git+https://example.com/a\n',
    'git+https://exämple.com/a',
    'git+file://host/a',
    'git+file:///',
    'git+https://[::1/a',
  ])('%j is refused', async (source) => {
    expect(await check(source)).toBe('source-url-invalid')
  })

  it.each([
    ['git+http://127.0.0.1:8080/a', [], 'allowed'],
    ['git+http://localhost:8080/a', [], 'allowed'],
    ['git+http://[::1]:8080/a', [], 'allowed'],
    ['git+https://1.1.1.1/a', [], 'pinned to 1.1.1.1'],
    ['git+http://1.1.1.1/a', [], 'source-not-allowed'],
    ['git+http://1.1.1.1/a', ['1.1.1.1'], 'allowed'],
    ['git+http://1.1.1.1/a', ['1.1.1.1:80'], 'allowed'],
    ['git+http://1.1.1.1:81/a', ['1.1.1.1:80'], 'source-not-allowed'],
    ['git+https://10.0.0.1/a', [], 'source-not-allowed'],
    ['git+https://192.168.1.1/a', ['192.168.1.1'], 'allowed'],
    ['git+https://169.254.169.254/latest', [], 'source-not-allowed'],
    ['git+https://[fd00::1]/a', [], 'source-not-allowed'],
    ['git+https://[::ffff:10.0.0.1]/a', [], 'source-not-allowed'],
    ['git+https://0x7f000001/a', [], 'allowed'],
    ['git+https://host.invalid/a', [], 'source-fetch-failed'],
    ['git+file:///srv/a', [], 'source-not-allowed'],
    ['git+file:///srv/a', ['file'], 'allowed'],
  ])('%s with %j is %s', async (source, insecure, answer) => {
    expect(await check(source, insecure)).toBe(answer)
  })

  it('says which entry would allow it', async () => {
    const location = parseSourceLocation('git+http://example.com:3000/a')
    await expect(checkSourceLocation(location, [])).rejects.toThrow(
      'list "example.com:3000" under insecure',
    )
  })
})
