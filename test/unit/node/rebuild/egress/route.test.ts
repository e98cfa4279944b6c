import { describe, expect, it } from 'vitest'
import { asAsked, routeOf, routeProblem } from '../../../../../node/rebuild/egress/route.ts'

const ROUTES = { proxy: 'http://cache.lan:3142', snapshotArchiveBase: 'http://[fd00::1]:8080/a/' }
const ask = (host: string, path: string, more = {}) =>
  routeOf(ROUTES, { host, port: 80, path, near: false, ...more })

describe('where a request goes', () => {
  it('is the mirror for what is below the path of snapshots, whichever name the archive has', () => {
    for (const host of ['snapshot.debian.org', 'snapshot-cloudflare.debian.org']) {
      expect(ask(host, '/archive/debian-security/20250210T000000Z/x?y')).toEqual({
        kind: 'mirror',
        host: 'fd00::1',
        port: 8080,
        path: '/a/debian-security/20250210T000000Z/x?y',
        named: '[fd00::1]:8080',
      })
    }
  })

  it.each([
    ['snapshot.debian.org', '/mr/package/', {}],
    ['snapshot.debian.org', '/archive/../mr/', {}],
    ['snapshot.debian.org', '/archive', {}],
    ['deb.debian.org', '/archive/debian/', {}],
    ['snapshot.debian.org', '/archive/x', { port: 8080 }],
  ])('is the proxy for %s%s %o', (host, path, more) => {
    const port = 'port' in more ? `:${more.port}` : ''
    expect(ask(host, path, more)).toEqual({
      kind: 'proxy',
      host: 'cache.lan',
      port: 3142,
      path: `http://${host}${port}${path}`,
      named: `${host}${port}`,
    })
  })

  it('is the host itself where it is near, where a step has a proxy of its own, and by default', () => {
    const direct = { kind: 'direct' }
    expect(ask('snapshot.debian.org', '/archive/x', { near: true })).toEqual(direct)
    expect(ask('a.example', 'http://b.example/')).toEqual(direct)
    expect(routeOf({}, { host: 'a.example', port: 80, path: '/', near: false })).toEqual(direct)
  })

  it('is told in the words of the archive where the mirror redirects', () => {
    const said = (location: string) => asAsked(ROUTES, 'snapshot.debian.org', location)
    const inside = 'http://snapshot.debian.org/archive/debian/x'
    expect(said('http://[fd00::1]:8080/a/debian/x')).toBe(inside)
    expect(said('/a/debian/x')).toBe(inside)
    for (const other of ['http://[fd00::1]:8080/b/', 'https://elsewhere.example/', '/b', 'x']) {
      expect(said(other)).toBe(other)
    }
  })
})

describe('a setting of a route', () => {
  it.each([
    ['proxy', 'http://cache.lan:3142', undefined],
    ['proxy', 'http://127.0.0.1:3142/', undefined],
    ['proxy', 'http://cache.lan/x', 'must be http://HOST[:PORT]'],
    ['proxy', 'cache.lan:3142', 'is no http:// address'],
    ['proxy', 'https://cache.lan', 'is no http:// address'],
    ['proxy', 'http://a:b@cache.lan', 'may not hold a user or a password'],
    ['snapshotArchiveBase', 'http://mirror.lan/archive/', undefined],
    ['snapshotArchiveBase', 'http://mirror.lan', 'must end in "/"'],
    ['snapshotArchiveBase', 'http://mirror.lan/?a=/', 'may hold neither "?" nor "#"'],
  ] as const)('%s = %j: %s', (kind, text, problem) => {
    const said = routeProblem(kind, text)
    if (problem === undefined) expect(said).toBeUndefined()
    else expect(said).toContain(problem)
  })
})
