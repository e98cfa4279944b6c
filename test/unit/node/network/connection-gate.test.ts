import { expect, test } from 'vitest'
import {
  admitsDial,
  admitsInbound,
  admitsRelayed,
  type GatedConnection,
} from '../../../../node/network/connection-gate.ts'

function inbound(...addresses: string[]): GatedConnection[] {
  return addresses.map((address) => ({
    direction: 'inbound',
    remoteAddr: { toString: () => address },
    remotePeer: { toString: () => /\/p2p\/([^/]+)$/.exec(address)?.[1] ?? 'somebody' },
  }))
}

function outbound(...addresses: string[]): GatedConnection[] {
  return inbound(...addresses).map((each) => ({ ...each, direction: 'outbound' }))
}

const many = (count: number, address: (i: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => address(i))

test('one public subnet gets eight inbound connections, other subnets more', () => {
  const open = inbound(...many(8, (i) => `/ip4/203.0.113.${i}/tcp/1`))
  expect(admitsInbound('/ip4/203.0.113.200/tcp/1', open)).toBe(false)
  expect(admitsInbound('/ip4/203.0.114.200/tcp/1', open)).toBe(true)
  expect(admitsInbound('/ip4/203.0.113.200/tcp/1', open.slice(1))).toBe(true)
})

test('own dials into a subnet do not take its slots', () => {
  const open = outbound(...many(8, (i) => `/ip4/203.0.113.${i}/tcp/1`))
  expect(admitsInbound('/ip4/203.0.113.200/tcp/1', open)).toBe(true)
})

test('eight slots of 64 are left to own dials, whoever asks', () => {
  const open = inbound(...many(56, (i) => `/ip4/10.0.${i}.1/tcp/1`))
  expect(admitsInbound('/ip4/10.9.9.9/tcp/1', open)).toBe(false)
  expect(admitsInbound('/ip4/10.9.9.9/tcp/1', open.slice(1))).toBe(true)
})

test('one /16 is dialled once, whoever else of it has connected to us', () => {
  const open = outbound('/ip4/203.0.113.9/tcp/4801/p2p/one')
  expect(admitsDial('/ip4/203.0.200.9/tcp/4801/p2p/two', open)).toBe(false)
  expect(admitsDial('/ip4/203.1.113.9/tcp/4801/p2p/two', open)).toBe(true)
  expect(admitsDial('/ip4/203.0.200.9/tcp/4801/p2p/two', inbound('/ip4/203.0.113.9/tcp/1'))).toBe(
    true,
  )
  expect(admitsDial('/ip6/2001:db8:1::9/tcp/1/p2p/two', outbound('/ip6/2001:db8:2::9/tcp/1'))).toBe(
    false,
  )
})

test('a peer that is dialled already may be dialled at another of its addresses', () => {
  const open = outbound('/ip4/203.0.113.9/tcp/4801/p2p/one')
  expect(admitsDial('/ip4/203.0.113.9/tcp/4802/p2p/one', open)).toBe(true)
})

test('private networks are dialled as often as there are peers in them', () => {
  expect(admitsDial('/ip4/10.0.0.2/tcp/1/p2p/two', outbound('/ip4/10.0.0.1/tcp/1'))).toBe(true)
})

test('names that strangers tell of are not dialled', () => {
  expect(admitsDial('/dns4/inside.example/tcp/22/p2p/two', [])).toBe(false)
  expect(admitsDial('/dnsaddr/inside.example/p2p/two', [])).toBe(false)
})

test('one relay brings three peers, whoever dialled whom', () => {
  const via = (relay: string, peer: string): string =>
    `/ip4/203.0.113.9/tcp/1/p2p/${relay}/p2p-circuit/p2p/${peer}`
  const open = [...inbound(via('r', 'a'), via('r', 'b')), ...outbound(via('r', 'c'))]
  expect(admitsRelayed('r', open)).toBe(false)
  expect(admitsRelayed('r', open.slice(1))).toBe(true)
  expect(admitsRelayed('q', open)).toBe(true)
  expect(admitsDial(via('r', 'd'), open)).toBe(false)
  expect(admitsDial(via('q', 'd'), open)).toBe(true)
  // Whom a relay brings is not of the relay's network.
  expect(admitsDial('/ip4/203.0.113.200/tcp/1/p2p/x', open)).toBe(true)
})
