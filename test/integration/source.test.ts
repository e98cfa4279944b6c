import {
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { BuildError } from '../../node/rebuild/build-error.ts'
import { BuildLog } from '../../node/rebuild/build-log.ts'
import { resolveRemoteRef } from '../../node/rebuild/remote-ref.ts'
import { defaultSourceLimits, fetchSource, type SourceRequest } from '../../node/rebuild/source.ts'
import { missingTools } from '../../node/system/packages.ts'
import {
  COMMIT_TIME,
  Repository,
  serveAnswer,
  serveFiles,
  serveSmart,
  type TestServer,
} from './source-server.ts'

const hasGit = !missingTools('test').some(({ name }) => name === 'git')

// Skipped only where git is missing, and never in CI.
describe.runIf(hasGit || process.env.CI === 'true')('fetching a source (needs git)', () => {
  let folder: string
  let repository: Repository
  let smart: TestServer
  let first: string
  let second: string
  const servers: TestServer[] = []
  const never = new AbortController().signal
  let count = 0

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'rebuildnet-source-'))
    repository = new Repository(join(folder, 'remote/app'))
    repository.write('Dockerfile', 'FROM scratch\n')
    repository.write('run.sh', '#!/bin/sh\n', 0o777)
    repository.write('sub/deep/file', 'one', 0o600)
    repository.link('link', 'sub/deep/file')
    first = repository.commit('first')
    repository.git('tag', '--annotate', '-m', 'v1', 'v1')
    repository.write('sub/deep/file', 'two')
    second = repository.commit('second')
    smart = await serveSmart(join(folder, 'remote'))
  })
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop()
  })
  afterAll(async () => {
    await smart.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const directory = () => join(folder, `out-${count}`)
  async function fetch(request: Partial<SourceRequest> = {}, signal = never) {
    count++
    const log = new BuildLog(join(folder, `${count}.log`), 100_000)
    const limits = { ...defaultSourceLimits, minFreeBytes: 0 }
    const defaults = {
      repository: `git+${smart.url}/app`,
      commit: first,
      directory: directory(),
      insecure: [],
    }
    try {
      return await fetchSource({ ...defaults, limits, log, ...request }, signal)
    } finally {
      log.close()
    }
  }
  async function codeOf(request: Partial<SourceRequest>, signal = never): Promise<string> {
    try {
      await fetch(request, signal)
      return 'fetched'
    } catch (error) {
      if (!(error instanceof BuildError)) throw error
      expect([error.stage, error.class]).toEqual(['source', 'infrastructure'])
      expect(error.message.split('\n')).toHaveLength(1)
      return error.code
    }
  }
  const left = () => readdirSync(folder).filter((name) => /^(?:out-|\.source)/.test(name))
  const clear = () => {
    for (const name of left()) rmSync(join(folder, name), { recursive: true })
  }
  afterEach(clear)

  it('gives the tree of that very commit, without the repository', async () => {
    const source = await fetch()
    expect(source).toEqual({ directory: directory(), commit: first, commitTime: COMMIT_TIME })
    expect(readdirSync(source.directory).sort()).toEqual(['Dockerfile', 'link', 'run.sh', 'sub'])
    expect(readFileSync(join(source.directory, 'sub/deep/file'), 'utf8')).toBe('one')
    expect(readlinkSync(join(source.directory, 'link'))).toBe('sub/deep/file')
    expect(left()).toEqual([`out-${count}`])
  })

  it('gives plain modes and the commit’s time to everything, whatever the umask is', async () => {
    const umask = process.umask(0o077)
    const source = await fetch().finally(() => process.umask(umask))
    const mode = (path: string) =>
      (statSync(join(source.directory, path)).mode & 0o7777).toString(8)
    expect(['.', 'sub', 'sub/deep', 'sub/deep/file', 'Dockerfile', 'run.sh'].map(mode)).toEqual([
      '755',
      '755',
      '755',
      '644',
      '644',
      '755',
    ])
    for (const path of ['.', 'sub', 'sub/deep/file', 'link']) {
      expect(lstatSync(join(source.directory, path)).mtimeMs).toBe(COMMIT_TIME * 1000)
    }
  })

  it('fetches no more than the one commit from a server that allows it', async () => {
    await fetch({ commit: second })
    await fetch({ commit: first })
    expect(smart.requests.some((url) => url.includes('git-upload-pack'))).toBe(true)
    const log = readFileSync(join(folder, `${count}.log`), 'utf8')
    expect(log).toBe('')
  })

  it('fetches by ref, or by all refs, from a server that knows no commit ids', async () => {
    repository.git('update-server-info')
    const files = await serveFiles(join(folder, 'remote'))
    servers.push(files)
    for (const ref of [
      'refs/tags/v1',
      'refs/heads/main',
      'refs/heads/gone',
      '--upload-pack=x',
      undefined,
    ]) {
      const source = await fetch({
        repository: `git+${files.url}/app/.git`,
        ...(ref === undefined ? {} : { ref }),
      })
      expect(readFileSync(join(source.directory, 'sub/deep/file'), 'utf8')).toBe('one')
    }
  })

  it('fetches no more than the ref where that is enough', async () => {
    repository.git('update-server-info')
    const files = await serveFiles(join(folder, 'remote'))
    servers.push(files)
    const latest = `/objects/${second.slice(0, 2)}/${second.slice(2)}`
    const asked = () => files.requests.some((url) => url.endsWith(latest))
    await fetch({ repository: `git+${files.url}/app/.git`, ref: 'refs/tags/v1' })
    expect(asked()).toBe(false)
    await fetch({ repository: `git+${files.url}/app/.git` })
    expect(asked()).toBe(true)
  })

  it('fetches a repository of SHA-256 objects', async () => {
    const other = new Repository(join(folder, 'remote/sha256'), ['--object-format=sha256'])
    other.write('file', 'x')
    const commit = other.commit()
    expect(commit).toHaveLength(64)
    const source = await fetch({ repository: `git+${smart.url}/sha256`, commit })
    expect(readdirSync(source.directory)).toEqual(['file'])
  })

  it('fetches a local repository only where the user allows it', async () => {
    const local = `git+file://${repository.folder}`
    expect(await codeOf({ repository: local })).toBe('source-not-allowed')
    expect((await fetch({ repository: local, insecure: ['file'] })).commit).toBe(first)
  })

  it('runs no hook, filter or submodule that the repository or the user has set up', async () => {
    const other = new Repository(join(folder, 'remote/hooked'))
    other.write('.gitattributes', 'file filter=evil\n')
    other.write('file', 'plain')
    other.write('.gitmodules', `[submodule "s"]\n\tpath = s\n\turl = ${smart.url}/app\n`)
    other.git('update-index', '--add', '--cacheinfo', `160000,${first},s`)
    other.git('add', '.gitmodules', '.gitattributes', 'file')
    other.git('commit', '--quiet', '-m', 'hooked')
    const commit = other.git('rev-parse', 'HEAD')
    const home = mkdtempSync(join(folder, 'home-'))
    const config = `[core]\n\thooksPath = ${home}\n[filter "evil"]\n\tsmudge = echo evil\n\trequired = true\n`
    new Repository(home).write('.gitconfig', config)
    new Repository(home).write('post-checkout', `#!/bin/sh\ntouch ${home}/hook-ran\n`, 0o755)
    const before = process.env.HOME
    process.env.HOME = home
    const source = await fetch({ repository: `git+${smart.url}/hooked`, commit })
    process.env.HOME = before
    expect(readFileSync(join(source.directory, 'file'), 'utf8')).toBe('plain')
    expect(readdirSync(join(source.directory, 's'))).toEqual([])
    expect(readdirSync(home)).not.toContain('hook-ran')
  })

  it('says that a commit does not exist, and leaves nothing', async () => {
    expect(await codeOf({ commit: 'f'.repeat(40) })).toBe('source-commit-missing')
    expect(await codeOf({ commit: 'f'.repeat(40), ref: 'refs/heads/main' })).toBe(
      'source-commit-missing',
    )
    expect(left()).toEqual([])
  })

  it('takes no tag, tree or short id for a commit', async () => {
    const tag = repository.git('rev-parse', 'v1')
    const tree = repository.git('rev-parse', `${first}^{tree}`)
    for (const commit of [tag, tree, first.slice(0, 12), 'main', '--all', first.toUpperCase()]) {
      expect(await codeOf({ commit })).toBe('source-commit-missing')
    }
  })

  it('fails where there is no repository or no server', async () => {
    expect(await codeOf({ repository: `git+${smart.url}/nothing` })).toBe('source-fetch-failed')
    expect(await codeOf({ repository: 'git+http://127.0.0.1:9/app' })).toBe('source-fetch-failed')
    expect(await codeOf({ repository: 'git+ssh://127.0.0.1/app' })).toBe('source-url-invalid')
    expect(left()).toEqual([])
  })

  it('follows no redirect', async () => {
    const redirect = await serveAnswer((request, response) =>
      response.writeHead(302, { location: `${smart.url}${request.url ?? ''}` }).end(),
    )
    servers.push(redirect)
    expect(await codeOf({ repository: `git+${redirect.url}/app` })).toBe('source-fetch-failed')
  })

  it('asks nobody for a password', async () => {
    const closed = await serveAnswer((_, response) =>
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end(),
    )
    servers.push(closed)
    expect(await codeOf({ repository: `git+${closed.url}/app` })).toBe('source-fetch-failed')
  })

  it('gives up on a server that never answers', async () => {
    const silent = await serveAnswer(() => undefined)
    servers.push(silent)
    const limits = { ...defaultSourceLimits, minFreeBytes: 0, timeoutMs: 1500 }
    expect(await codeOf({ repository: `git+${silent.url}/app`, limits })).toBe('source-timeout')
    expect(left()).toEqual([])
  })

  it('stops when it is told to', async () => {
    const stop = new AbortController()
    const silent = await serveAnswer(() => stop.abort())
    servers.push(silent)
    const code = await codeOf({ repository: `git+${silent.url}/app` }, stop.signal)
    expect(code).toBe('source-cancelled')
    expect(left()).toEqual([])
  })

  it('refuses a source over its limit, and one for which there is no room', async () => {
    const limits = { ...defaultSourceLimits, minFreeBytes: 0, maxBytes: 10_000 }
    expect(await codeOf({ limits })).toBe('source-too-large')
    const room = { ...defaultSourceLimits, minFreeBytes: 1e15 }
    expect(await codeOf({ limits: room })).toBe('source-disk-full')
    expect(left()).toEqual([])
  })

  it('finds the commit that a ref stands for now', async () => {
    const ask = (ref: string) =>
      resolveRemoteRef({ repository: `git+${smart.url}/app`, ref, insecure: [], folder }, never)
    expect(await ask('refs/tags/v1')).toBe(first)
    expect(await ask('refs/heads/main')).toBe(second)
    expect(await ask('HEAD')).toBe(second)
    for (const ref of ['refs/heads/none', '--upload-pack=x', 'refs/heads/*']) {
      await expect(ask(ref)).rejects.toMatchObject({ code: 'source-commit-missing' })
    }
  })
})
