/**
 * Stands for what the shipped recipes fetch and a machine without a way to it cannot have: Debian's
 * snapshot archive, which here has only what Debian's mirror has today, and repro-sources-list.sh. And
 * npm's registry by plain http, since a build knows no certificate authority of this machine's own.
 */
import { createHash } from 'node:crypto'
import { request, type IncomingMessage, type ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { startServer, type TestServer } from './http-server.ts'

const MIRROR = 'deb.debian.org'
const NPM = 'https://registry.npmjs.org'
const SNAPSHOT = /^\/kept\/(debian|debian-security)\/[0-9]{8}T[0-9]{6}Z\/(.*)$/

/** In our own words: what it does for Debian 12, which is all that the recipes ask of it. */
const SCRIPT = `#!/bin/sh
set -eu
. /etc/os-release
archive="\${SNAPSHOT_ARCHIVE_BASE:-http://snapshot.debian.org/archive/}"
day=$(date --utc --date "@$SOURCE_DATE_EPOCH" +%Y%m%dT%H%M%SZ)
rm -f /etc/apt/sources.list.d/*
source() { echo "deb [check-valid-until=no] $archive$1/$day $VERSION_CODENAME$2 main"; }
{ source debian ''; source debian-security -security; source debian -updates; } > /etc/apt/sources.list
`

export interface DebianArchive {
  readonly host: string
  /** What takes the place of `http://snapshot.debian.org/archive/`. */
  readonly snapshotArchiveBase: string
  /** As npm's setting `registry`. */
  readonly npmRegistry: string
  readonly script: { readonly url: string; readonly sha256: string }
  /** All requests so far. */
  readonly seen: TestServer['seen']
  stop(): Promise<void>
}

/** The first request for each suite is told to come back later, as the archive does. */
export async function startDebianArchive(): Promise<DebianArchive> {
  const throttled = new Set<string>()
  const server = await startServer((asked, answer) => {
    const { url = '' } = asked
    if (url === '/repro-sources-list.sh') return void answer.end(SCRIPT)
    const [, archive, path] = SNAPSHOT.exec(url) ?? []
    // npm takes the address of its registry for a host, and not for a folder.
    if (archive === undefined || path === undefined) return void passToNpm(asked, answer)
    if (path.endsWith('/InRelease') && !throttled.has(url)) {
      throttled.add(url)
      return void answer.writeHead(429, { 'retry-after': '1' }).end()
    }
    const headers = { ...asked.headers, host: MIRROR }
    const out = request({ host: MIRROR, path: `/${archive}/${path}`, headers }, (reply) => {
      answer.writeHead(reply.statusCode ?? 502, reply.headers)
      reply.pipe(answer)
    })
    out.on('error', () => answer.destroy())
    out.end()
  })
  const { host, seen } = server
  return {
    host,
    seen,
    snapshotArchiveBase: `http://${host}/kept/`,
    npmRegistry: `http://${host}/`,
    script: {
      url: `http://${host}/repro-sources-list.sh`,
      sha256: createHash('sha256').update(SCRIPT).digest('hex'),
    },
    stop: () => server.stop(),
  }
}

async function passToNpm({ url = '', headers }: IncomingMessage, answer: ServerResponse) {
  try {
    const asked = { headers: { accept: headers.accept ?? '*/*' } }
    const reply = await fetch(`${NPM}${url}`, asked)
    answer.writeHead(reply.status, { 'content-type': reply.headers.get('content-type') ?? '' })
    if (reply.body === null) answer.end()
    else await pipeline(Readable.fromWeb(reply.body), answer)
  } catch {
    answer.destroy()
  }
}
