import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { defaultConfig, loadConfig } from '../../../node/config.ts'
import { createDataFolder } from '../../../node/data-folder.ts'
import { temporaryFolder } from '../../support/temporary-store.ts'

async function load(text: string, environment = {}, flags = {}) {
  const dataFolder = await temporaryFolder()
  await writeFile(join(dataFolder, 'config.toml'), text)
  return loadConfig({ dataFolder, environment, flags })
}

describe('the configuration', () => {
  it('is the defaults where there is no file', async () => {
    expect(await loadConfig({ dataFolder: await temporaryFolder() })).toEqual(defaultConfig)
  })

  it('is the defaults in the file that init writes', async () => {
    const { root } = await createDataFolder(await temporaryFolder())
    expect(await loadConfig({ dataFolder: root })).toEqual(defaultConfig)
  })

  it('takes flags over the environment over the file over the defaults', async () => {
    const text =
      'network = "file"\nlog_level = "info"\nsync_interval = "2m"\n[build]\ntimeout = "1h"\n'
    const config = await load(
      text,
      { REBUILDNET_NETWORK: 'env', REBUILDNET_LOG_LEVEL: 'debug', REBUILDNET_BUILD_CPUS: '4' },
      { network: 'flag', 'build.concurrency': 3, mdns: undefined },
    )
    expect(config).toMatchObject({
      network: 'flag',
      logLevel: 'debug',
      syncIntervalSeconds: 120,
      mdns: true,
      build: { timeoutSeconds: 3600, cpus: 4, concurrency: 3 },
    })
  })

  it('reads in which hours builds may begin, one window or several', async () => {
    const night = { days: [0, 1, 2, 3, 4, 5, 6], from: 22 * 60, to: 6 * 60 }
    const weekend = { days: [0, 6], from: 0, to: 24 * 60 }
    const one = await load('[build]\nschedule = "22:00-06:00"\nat_close = "stop"\n')
    expect(one.build).toMatchObject({ schedule: [night], atClose: 'stop' })
    const several = await load('[build]\nschedule = ["22:00-06:00", "sat,sun 00:00-24:00"]\n')
    expect(several.build.schedule).toEqual([night, weekend])
    const environment = { REBUILDNET_BUILD_SCHEDULE: '22:00-06:00; sat,sun 00:00-24:00' }
    expect((await load('', environment)).build.schedule).toEqual([night, weekend])
  })

  it('reads what stands before archives, from every place', async () => {
    const text = '[build]\nproxy = "http://cache.lan:3142"\n'
    const base = 'http://mirror.lan/archive/'
    const environment = { REBUILDNET_BUILD_SNAPSHOT_ARCHIVE_BASE: base }
    const routes = { proxy: 'http://cache.lan:3142', snapshotArchiveBase: base }
    expect((await load(text, environment)).build.routes).toEqual(routes)
    const flags = { 'build.proxy': 'http://other.lan' }
    expect((await load(text, environment, flags)).build.routes.proxy).toBe('http://other.lan')
    await expect(load('[build]\nproxy = "https://cache.lan"\n')).rejects.toMatchObject({
      code: 'bad-value',
      message: expect.stringContaining('"build.proxy" is no http:// address') as string,
    })
  })

  it('reads how much disk is given, and when to prune', async () => {
    const text = '[disk]\nbudget_mb = 500\nlog_age = "7d"\n[prune]\nevery = "1d"\n'
    expect(await load(text, { REBUILDNET_PRUNE_OLDER_THAN: '30d' })).toMatchObject({
      disk: { budgetMb: 500, logAgeSeconds: 7 * 86_400 },
      prune: { everySeconds: 86_400, olderThanSeconds: 30 * 86_400 },
    })
    expect((await load('[prune]\nevery = 0\n')).prune.everySeconds).toBe(0)
  })

  it('reads lists from the environment, and an empty one as none', async () => {
    const environment = {
      REBUILDNET_BOOTSTRAP: '/ip4/1.2.3.4/tcp/1, /ip4/5.6.7.8/tcp/2',
      REBUILDNET_LISTEN: '',
    }
    expect(await load('', environment)).toMatchObject({
      bootstrap: ['/ip4/1.2.3.4/tcp/1', '/ip4/5.6.7.8/tcp/2'],
      listen: [],
    })
  })

  it('says where the node can be reached, and whom it serves', async () => {
    const text =
      'announce = ["/ip4/192.0.2.7/tcp/4801"]\nrelay = true\npeer_exchange = true\nupnp = false\n'
    expect(await load(text)).toMatchObject({
      announce: ['/ip4/192.0.2.7/tcp/4801'],
      relay: true,
      peerExchange: true,
      upnp: false,
    })
  })

  it('finds the key of a private network in the data folder, or where its path says', async () => {
    const dataFolder = await temporaryFolder()
    const flags = { network_key: 'team.key' }
    expect(await loadConfig({ dataFolder, flags })).toMatchObject({
      networkKey: join(dataFolder, 'team.key'),
    })
    expect(await load('network_key = "/etc/team.key"')).toMatchObject({
      networkKey: '/etc/team.key',
    })
  })

  it.each([
    ['no window', '[build]\nschedule = "at night"', 'bad-value', '"at night", which is no window'],
    ['an unknown key of the disk', '[disk]\nbudget = 1', 'unknown-key', 'known: budget_mb'],
    ['an unknown key', 'netwrok = "x"', 'unknown-key', 'unknown key "netwrok"'],
    [
      'an unknown key of the build',
      '[build]\nmemory = 1',
      'unknown-key',
      'unknown key "build.memory"',
    ],
    [
      'a value that is out of range',
      '[build]\nconcurrency = -1',
      'bad-value',
      '"build.concurrency" must be 1 or more',
    ],
    [
      'a duration without a unit',
      'sync_interval = "10"',
      'bad-value',
      '"sync_interval" is no duration',
    ],
    [
      'an address that others can reach',
      'http = "0.0.0.0:80"',
      'bad-value',
      '"http" must be 127.0.0.1:PORT',
    ],
    ['a newer format', 'format = 2', 'newer-format', 'of format 2, this rebuildnet reads 1'],
    ['broken TOML', 'network = ', 'syntax', 'config.toml:1: '],
    [
      'a key below others',
      '\n[build]\ncpus = 1\ndisk_mb = "x"',
      'bad-value',
      'config.toml:4: "build.d',
    ],
  ])('refuses %s, naming it', async (_name, text, code, words) => {
    const error = await load(text).catch((caught: unknown) => caught)
    expect(error).toMatchObject({ name: 'ConfigError', code })
    expect((error as Error).message).toContain(words)
    expect((error as Error).message).not.toContain('\n')
  })
})
