/** The spellings that identifiers may have: one for each thing. */
import { describe, expect, it } from 'vitest'
import { isCommit, isDigest, isOperatorId } from '../../../protocol/identifiers.ts'
import { isImageName } from '../../../protocol/image-name.ts'
import { encodePlatform, isPlatform, parsePlatform } from '../../../protocol/platform.ts'
import { isSourceUrl } from '../../../protocol/source-url.ts'
import { hexOf, makeOperator } from '../../support/statements.ts'

function check(is: (text: string) => boolean, good: string[], bad: string[]): void {
  expect(good.filter((each) => !is(each))).toEqual([])
  expect(bad.filter((each) => is(each))).toEqual([])
}

describe('names', () => {
  it('of images are host/path in lower case, without tag and digest', () => {
    check(
      isImageName,
      [
        'ghcr.io/freedomofpress/dangerzone/v1',
        'docker.io/library/debian',
        'localhost/app',
        'localhost:5000/a/b__c/d.e-f',
        '127.0.0.1:41234/app',
        '[::1]:5000/app',
        'registry:5000/app',
      ],
      [
        'debian',
        'library/debian',
        'ghcr.io/App',
        'GHCR.io/app',
        'ghcr.io/app:1',
        `ghcr.io/app@sha256:${hexOf('')}`,
        'ghcr.io/',
        'ghcr.io',
        'ghcr.io//app',
        'ghcr.io/app/',
        'ghcr.io/a..b',
        'https://ghcr.io/app',
        'ghcr.io/app\n',
        `ghcr.io/${'a'.repeat(260)}`,
        '',
      ],
    )
  })

  it('of platforms are os/arch[/variant], arm64 without v8', () => {
    check(
      isPlatform,
      ['linux/amd64', 'linux/arm64', 'linux/arm/v7', 'linux/arm64/v9', 'windows/amd64'],
      ['linux', 'linux/', 'linux/arm64/v8', 'Linux/amd64', 'linux/arm/v7/x', 'linux/amd64\n', ''],
    )
    expect(parsePlatform('linux/arm/v7')).toEqual({
      os: 'linux',
      architecture: 'arm',
      variant: 'v7',
    })
    expect(encodePlatform({ os: 'linux', architecture: 'arm64', variant: 'v8' })).toBe(
      'linux/arm64',
    )
    expect(encodePlatform({ os: 'linux', architecture: 'arm', variant: 'v8' })).toBe('linux/arm/v8')
    expect(encodePlatform({ os: 'linux', architecture: 'amd64', variant: '' })).toBe('linux/amd64')
  })

  it('of sources are git over https, http or a file, and hold no secrets', () => {
    check(
      isSourceUrl,
      [
        'git+https://github.com/freedomofpress/dangerzone',
        'git+https://git.example:8443/a/b.git',
        'git+http://127.0.0.1:3000/app',
        'git+file:///srv/git/app.git',
      ],
      [
        'https://github.com/a/b',
        'git+ssh://git@github.com/a/b',
        'git+https://user:secret@github.com/a/b',
        'git+https://github.com/a/b?token=1',
        'git+https://github.com/a/b#main',
        'git+https://GitHub.com/a/b',
        'git+https://github.com',
        'git+https://github.com/a/../b',
        'git+file://host/srv/app',
        'git+file:///srv/./app',
        'git+https://github.com/a b',
        'git+https://github.com/a\n',
      ],
    )
  })

  it('of operators are the base32 of a whole hash', () => {
    check(
      isOperatorId,
      [makeOperator().id, makeOperator('bob').id],
      ['op1', `op1${'a'.repeat(51)}b`, `op2${'a'.repeat(52)}`, makeOperator().id.toUpperCase()],
    )
  })

  it('of bytes and commits are lower case and whole', () => {
    check(
      isDigest,
      [`sha256:${hexOf('')}`],
      [hexOf(''), `sha256:${hexOf('').slice(1)}`, `sha256:${hexOf('').toUpperCase()}`, 'sha256:'],
    )
    check(isCommit, [hexOf(''), hexOf('').slice(0, 40)], ['HEAD', hexOf('').slice(0, 39), ''])
  })
})
