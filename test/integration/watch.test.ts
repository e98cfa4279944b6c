/** Tags of a real git server and a real registry, announced by a real node. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { generateSshKey } from '../support/openssh.ts'
import { startRegistry, type TestRegistry } from '../support/registry.ts'
import { openStore, temporaryFolder } from '../support/temporary-store.ts'
import { WatchedSetting } from '../support/watched-project.ts'

let registry: TestRegistry
beforeAll(async () => {
  registry = await startRegistry()
})
afterAll(() => registry.stop())

/** Every setting has a repository of its own in the one registry: its proxy's port is not in it. */
let settings = 0
async function start(): Promise<WatchedSetting> {
  return WatchedSetting.start(registry.host, `team/app${settings++}`)
}

describe('a watcher of git tags', () => {
  it('announces what is new, and not what was there', async () => {
    const setting = await start()
    setting.repository.git('tag', 'v1.0')
    const first = await setting.watch('git_tags = "v*"')
    expect(first).toMatchObject({ seen: 1, tags: [], trouble: null })
    const commit = setting.repository.commit('second')
    setting.repository.git('tag', 'v1.1')
    setting.repository.git('tag', '-a', '-m', 'words', 'v1.2')
    setting.repository.git('tag', 'nightly')
    const { tags } = await setting.poll()
    expect(tags.map(({ tag, state }) => `${tag} ${state}`).sort()).toEqual([
      'v1.1 announced',
      'v1.2 announced',
    ])
    const releases = await setting.releases()
    expect(releases.map(({ version }) => version).sort()).toEqual(['1.1', '1.2'])
    // Of an annotated tag, the commit that it points to.
    for (const release of releases) expect(release.commit).toBe(commit)
    expect(releases.map(({ platforms }) => platforms)).toEqual([
      [{ platform: 'linux/amd64', manifestDigest: null }],
      [{ platform: 'linux/amd64', manifestDigest: null }],
    ])
  })

  it('announces it once: over looks, restarts, and a death between signing and noting', async () => {
    const setting = await start()
    await setting.watch('git_tags = "v*"')
    setting.repository.git('tag', 'v1')
    await setting.poll()
    await setting.poll()
    const [release, ...others] = await setting.releases()
    expect(others).toEqual([])
    await setting.stop()
    expect(await setting.poll()).toMatchObject({ tags: [{ tag: 'v1', sid: release!.sid }] })
    await setting.stop()
    // What a kill after signing leaves: the release, and no note of it.
    const store = await openStore(join(setting.node.root, 'store'))
    await store.watch.delete(`${setting.image}\0git v1`, { sync: true })
    await store.close()
    expect(await setting.poll()).toMatchObject({
      tags: [{ tag: 'v1', state: 'announced', sid: release!.sid }],
    })
    expect(await setting.releases()).toHaveLength(1)
  })

  it('does not say again what was withdrawn', async () => {
    const setting = await start()
    await setting.watch('git_tags = "v*"')
    setting.repository.git('tag', 'v1')
    await setting.poll()
    const [release] = await setting.releases()
    await (await setting.service()).withdraw(release!.sid, 'a mistake')
    await setting.stop()
    const store = await openStore(join(setting.node.root, 'store'))
    await store.watch.delete(`${setting.image}\0git v1`, { sync: true })
    await store.close()
    await setting.poll()
    expect(await setting.releases()).toHaveLength(1)
  })

  it('refuses a tag that was moved, raises an alert, and takes it back with the tag', async () => {
    const setting = await start()
    await setting.watch('git_tags = "v*"')
    const before = setting.repository.git('rev-parse', 'HEAD')
    setting.repository.git('tag', 'v1')
    await setting.poll()
    setting.repository.commit('other')
    setting.repository.git('tag', '--force', 'v1')
    expect(await setting.poll()).toMatchObject({ tags: [{ tag: 'v1', state: 'moved' }] })
    expect(await setting.releases()).toMatchObject([{ version: '1', commit: before }])
    const service = await setting.service()
    expect(await service.alerts({ open: true })).toMatchObject([
      { kind: 'not-announced', image: setting.image, version: '1' },
    ])
    setting.repository.git('tag', '--force', 'v1', before)
    expect(await setting.poll()).toMatchObject({ tags: [{ tag: 'v1', state: 'announced' }] })
    expect(await service.alerts({ open: true })).toEqual([])
  })

  it('takes none of two tags that are of one version and two commits', async () => {
    const setting = await start()
    await setting.watch('git_tags = ["v*", "release/*"]')
    setting.repository.git('tag', 'v1')
    setting.repository.commit('other')
    setting.repository.git('tag', 'release/1')
    const { tags } = await setting.poll()
    expect(tags.map(({ state }) => state)).toEqual(['refused', 'refused'])
    expect(tags[0]?.why).toContain('release/1 and v1 both stand for version 1')
    expect(await setting.releases()).toEqual([])
  })

  it('does not announce what came while it was turned off', async () => {
    const setting = await start()
    await setting.watch('git_tags = "v*"')
    const service = await setting.service()
    const projectFile = setting.projectFile('git_tags = "v*"')
    await service.follow({ projectFile, build: false, trustRecipe: false, announce: false })
    await expect(setting.poll()).rejects.toMatchObject({ code: 'refused' })
    setting.repository.git('tag', 'v1')
    await setting.watch('git_tags = "v*"')
    expect(await setting.poll()).toMatchObject({ seen: 1, tags: [] })
  })

  it('says why a recipe cannot be announced, and tries again when asked', async () => {
    const setting = await start()
    await setting.watch('git_tags = "v*"')
    setting.repository.write('Dockerfile', 'FROM debian:latest\n')
    setting.repository.commit('floating')
    setting.repository.git('tag', 'v1')
    const { tags } = await setting.poll()
    expect(tags).toMatchObject([{ state: 'refused', why: expect.stringContaining('not pinned') }])
  })
})

describe('signed tags', () => {
  async function signing() {
    const setting = await start()
    const folder = await temporaryFolder()
    const key = await generateSshKey(folder, 'id')
    const other = await generateSshKey(folder, 'other')
    const line = (await readFile(`${key}.pub`, 'utf8')).trim()
    await setting.watch(`git_tags = "v*"\nkeys = ["${line}"]`)
    const sign = (tag: string, by: string): void => {
      const { repository } = setting
      const options = ['-c', 'gpg.format=ssh', '-c', `user.signingkey=${by}`]
      repository.git(...options, 'tag', '-s', '-m', 'signed', tag)
    }
    return { setting, key, other, sign }
  }

  it('are announced where one of the keys signed them', async () => {
    const { setting, key, sign } = await signing()
    sign('v1', key)
    expect(await setting.poll()).toMatchObject({ tags: [{ tag: 'v1', state: 'announced' }] })
  })

  it('are refused unsigned, by another key, and under another name', async () => {
    const { setting, key, other, sign } = await signing()
    const { repository } = setting
    repository.git('tag', 'v1')
    repository.git('tag', '-a', '-m', 'words', 'v2')
    sign('v3', other)
    sign('w4', key)
    // The object that was signed as w4, under a name that is watched.
    repository.git('update-ref', 'refs/tags/v4', repository.git('rev-parse', 'refs/tags/w4'))
    await setting.poll()
    const why = async (tag: string) => (await setting.tag(tag))?.why
    expect(await why('v1')).toContain('is a mere name')
    expect(await why('v2')).toContain('is not signed')
    expect(await why('v3')).toContain('does not name')
    expect(await why('v4')).toContain('under another name')
    expect(await setting.releases()).toEqual([])
  })
})

describe('a watcher of the registry', () => {
  it('announces an image with the git tag of its version, when both are there', async () => {
    const setting = await start()
    await setting.watch('git_tags = "v*"\nregistry_tags = "*"')
    const digest = await setting.push('1.0', 'one')
    expect(await setting.poll()).toMatchObject({
      tags: [{ tag: '1.0', state: 'waiting', why: 'no git tag of version 1.0 is there yet' }],
    })
    setting.repository.git('tag', 'v1.0')
    expect(await setting.poll()).toMatchObject({ seen: 1, tags: [{ state: 'announced' }] })
    expect(await setting.releases()).toMatchObject([
      { version: '1.0', platforms: [{ platform: 'linux/amd64', manifestDigest: digest }] },
    ])
  })

  it('asks with the ETag that it was given, and takes 304 for an answer', async () => {
    const setting = await start()
    await setting.watch('git_tags = "v*"\nregistry_tags = "*"')
    setting.repository.git('tag', 'v1')
    await setting.push('1', 'one')
    await setting.poll()
    await setting.poll()
    setting.requests.length = 0
    await setting.poll()
    const heads = setting.requests.filter(({ line }) => line.startsWith('HEAD'))
    expect(heads).toHaveLength(1)
    expect(heads[0]!.headers['if-none-match']).toMatch(/sha256:[0-9a-f]{64}/)
    expect(heads[0]!.status).toBe(304)
    expect(await setting.releases()).toHaveLength(1)
  })

  it('keeps apart two digests of one version, and alerts', async () => {
    const setting = await start()
    await setting.watch('git_tags = "v*"\nregistry_tags = "*"')
    setting.repository.git('tag', 'v1')
    const digest = await setting.push('1', 'one')
    await setting.poll()
    await setting.push('1', 'tampered')
    const { tags } = await setting.poll()
    expect(tags).toMatchObject([{ tag: '1', state: 'moved', target: digest }])
    expect(tags[0]?.why).toContain('was announced with other content')
    expect(await setting.releases()).toMatchObject([{ platforms: [{ manifestDigest: digest }] }])
    const service = await setting.service()
    expect(await service.alerts({ open: true })).toMatchObject([{ kind: 'not-announced' }])
  })

  it('makes a release of each of many commits that give one digest', async () => {
    const setting = await start()
    await setting.watch('git_tags = "nightly-*"\nregistry_tags = "nightly-*"')
    const commits: string[] = []
    for (const day of ['0101', '0102']) {
      commits.push(setting.repository.commit(day))
      setting.repository.git('tag', `nightly-${day}`)
      await setting.push(`nightly-${day}`, 'the same')
    }
    await setting.poll()
    const releases = await setting.releases()
    expect(releases.map(({ version }) => version).sort()).toEqual(['0101', '0102'])
    expect(releases.map(({ commit }) => commit).sort()).toEqual(commits.sort())
    const digests = releases.map(({ platforms }) => platforms[0]?.manifestDigest)
    expect(new Set(digests).size).toBe(1)
  })

  it('makes a release of each digest of a tag that is moved on purpose', async () => {
    const setting = await start()
    const label = 'org.opencontainers.image.revision'
    const rules = `moving_tags = "nightly"\ncommit = "label:${label}"\nbranch = "main"`
    await setting.push('nightly', 'zero', { [label]: setting.repository.git('rev-parse', 'HEAD') })
    await setting.watch(rules)
    const made: string[] = []
    for (const day of ['one', 'two']) {
      const commit = setting.repository.commit(day)
      const digest = await setting.push('nightly', day, { [label]: commit })
      await setting.poll()
      made.push(`nightly-${digest.slice(7, 19)} ${commit}`)
    }
    const releases = await setting.releases()
    expect(releases.map(({ version, commit }) => `${version} ${commit}`).sort()).toEqual(
      made.sort(),
    )
  })

  it('believes no commit that an image names and that is not on the branch', async () => {
    const setting = await start()
    const rules = 'moving_tags = "nightly"\ncommit = "label:rev"\nbranch = "main"'
    await setting.watch(rules)
    const { repository } = setting
    // A forge keeps the commits of forks where the project's own are.
    repository.git('checkout', '--quiet', '-b', 'fork')
    const fork = repository.commit('evil')
    repository.git('checkout', '--quiet', 'main')
    await setting.push('nightly', 'evil', { rev: fork })
    expect(await setting.poll()).toMatchObject({
      tags: [{ state: 'refused', why: expect.stringContaining('which is not on main') }],
    })
    await setting.push('nightly', 'none', {})
    expect(await setting.poll()).toMatchObject({
      tags: [{ state: 'refused', why: expect.stringContaining('does not say which commit') }],
    })
    await setting.push('nightly', 'odd', { rev: '--upload-pack=touch /tmp/x' })
    expect(await setting.poll()).toMatchObject({
      tags: [{ state: 'refused', why: expect.stringContaining('is no commit id') }],
    })
    expect(await setting.releases()).toEqual([])
  })

  it('announces blind where that is asked for, and publishes when the image comes', async () => {
    const setting = await start()
    await setting.watch('git_tags = "v*"\nregistry_tags = "*"\nblind = true')
    setting.repository.git('tag', 'v1')
    await setting.poll()
    const [blind] = await setting.releases()
    expect(blind).toMatchObject({ platforms: [{ manifestDigest: null }] })
    const digest = await setting.push('1', 'one')
    await setting.poll()
    const releases = await setting.releases()
    expect(releases).toHaveLength(2)
    const published = releases.find(({ sid }) => sid !== blind!.sid)
    expect(published).toMatchObject({ platforms: [{ manifestDigest: digest }] })
    const service = await setting.service()
    expect((await service.statement(published!.sid))?.body).toMatchObject({ publishes: blind!.sid })
    await setting.poll()
    expect(await setting.releases()).toHaveLength(2)
  })
})

it('announces only for an announcer who has turned it on, with a [watch] table', async () => {
  const setting = await start()
  const service = await setting.service()
  const terms = { build: false, trustRecipe: false, announce: true }
  const stranger = setting.projectFile('git_tags = "v*"', [`op1${'a'.repeat(52)}`])
  await expect(service.follow({ projectFile: stranger, ...terms })).rejects.toThrow(
    'is not among the announcers',
  )
  const without = setting.projectFile('git_tags = "v*"').split('[watch]')[0] ?? ''
  await expect(service.follow({ projectFile: without, ...terms })).rejects.toThrow('no [watch]')
  const projectFile = setting.projectFile('git_tags = "v*"')
  await service.follow({ projectFile, build: false, trustRecipe: false })
  expect(await service.watches()).toEqual([])
  expect((await service.status()).watches).toEqual({ projects: 0, troubled: 0 })
  await service.follow({ projectFile, ...terms })
  expect((await service.status()).watches).toEqual({ projects: 1, troubled: 0 })
  expect(await service.projects()).toMatchObject([{ announce: true }])
})
