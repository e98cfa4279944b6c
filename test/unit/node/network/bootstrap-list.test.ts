import { expect, test } from 'vitest'
import { createLogger } from '../../../../node/logger.ts'
import { parseBootstrapAddress } from '../../../../node/network/addresses.ts'
import { BootstrapList } from '../../../../node/network/bootstrap-list.ts'
import { startDnsServer } from '../../../support/dns-server.ts'
import { ManualClock } from '../../../support/manual-clock.ts'

const ALICE = '12D3KooWGXnU5JDGw69YdsNxuSYRi6CgZGnRcMnySNgWmJz9VVBZ'
const BOB = '12D3KooWNf1FCvcmfuM41BGhpaWVFPmfx584dN8nzDvEXA6bvL1C'
const at = (host: string, peer: string): string => `/ip4/${host}/tcp/4801/p2p/${peer}`
const NEVER = new AbortController().signal

function listOf(addresses: readonly string[], clock = new ManualClock()) {
  const list = new BootstrapList({ clock, logger: createLogger('silent') }, addresses)
  return async (): Promise<string[]> =>
    (await list.peers(NEVER)).map(({ address }) => address.toString())
}

test('a name stands for the peers that its TXT records list', async () => {
  await startDnsServer({
    '_dnsaddr.example.org': [
      `dnsaddr=${at('192.0.2.1', ALICE)}`,
      'v=spf1 -all',
      `dnsaddr=${at('192.0.2.2', BOB)}`,
    ],
  })
  const peers = listOf([at('192.0.2.9', ALICE), '/dnsaddr/example.org'])
  expect(await peers()).toEqual([
    at('192.0.2.9', ALICE),
    at('192.0.2.1', ALICE),
    at('192.0.2.2', BOB),
  ])
})

test('a name with a peer id stands for that peer alone', async () => {
  await startDnsServer({
    '_dnsaddr.example.org': [
      `dnsaddr=${at('192.0.2.1', ALICE)}`,
      `dnsaddr=${at('192.0.2.2', BOB)}`,
    ],
  })
  expect(await listOf([`/dnsaddr/example.org/p2p/${BOB}`])()).toEqual([at('192.0.2.2', BOB)])
})

test('names may list names, and a circle of them ends', async () => {
  const dns = await startDnsServer({
    '_dnsaddr.example.org': [
      'dnsaddr=/dnsaddr/eu.example.org',
      `dnsaddr=${at('192.0.2.1', ALICE)}`,
    ],
    '_dnsaddr.eu.example.org': ['dnsaddr=/dnsaddr/example.org', `dnsaddr=${at('192.0.2.2', BOB)}`],
  })
  expect(await listOf(['/dnsaddr/example.org'])()).toEqual([
    at('192.0.2.1', ALICE),
    at('192.0.2.2', BOB),
  ])
  expect(dns.asked).toHaveLength(2)
})

test('what is no address is passed over, and a name that does not exist gives nobody', async () => {
  await startDnsServer({
    '_dnsaddr.example.org': [
      'dnsaddr=nonsense',
      'dnsaddr=/ip4/192.0.2.1/tcp/4801',
      `dnsaddr=${at('192.0.2.2', BOB)}`,
    ],
  })
  expect(await listOf(['/dnsaddr/nowhere.example', '/dnsaddr/example.org'])()).toEqual([
    at('192.0.2.2', BOB),
  ])
})

test('DNS can send nobody dialling around', async () => {
  const names = Array.from({ length: 100 }, (_, i) => `dnsaddr=/dnsaddr/n${i}.example.org`)
  const dns = await startDnsServer({
    '_dnsaddr.example.org': names,
    '_dnsaddr.many.example.org': Array.from(
      { length: 100 },
      (_, i) => `dnsaddr=${at(`192.0.2.${i}`, BOB)}`,
    ),
  })
  expect(await listOf(['/dnsaddr/example.org'])()).toEqual([])
  expect(dns.asked).toHaveLength(8)
  expect(await listOf(['/dnsaddr/many.example.org'])()).toHaveLength(32)
})

test('records are looked up again after five minutes, and what cannot be looked up stays as it was', async () => {
  const name = '_dnsaddr.example.org'
  const dns = await startDnsServer({ [name]: [`dnsaddr=${at('192.0.2.1', ALICE)}`] })
  const clock = new ManualClock()
  const peers = listOf(['/dnsaddr/example.org'], clock)
  expect(await peers()).toEqual([at('192.0.2.1', ALICE)])
  dns.records.set(name, [`dnsaddr=${at('192.0.2.2', BOB)}`])
  expect(await peers()).toEqual([at('192.0.2.1', ALICE)])
  clock.advance(301)
  expect(await peers()).toEqual([at('192.0.2.2', BOB)])
  dns.records.delete(name)
  clock.advance(301)
  expect(await peers()).toEqual([at('192.0.2.2', BOB)])
})

test.each([
  '/dnsaddr/',
  '/dnsaddr/bad name',
  '/dnsaddr/example.org/tcp/4801',
  `/dnsaddr/example.org/p2p/${BOB}/tcp/1`,
  '/dnsaddr/example.org/p2p/nobody',
])('%s is refused', (text) => {
  expect(() => parseBootstrapAddress(text)).toThrow(
    expect.objectContaining({ name: 'NetworkError', code: 'bad-address' }),
  )
})
