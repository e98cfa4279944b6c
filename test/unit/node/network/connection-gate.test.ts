import { expect, test } from 'vitest'
import {
  admitsInbound,
  publicSubnet,
  type GatedConnection,
} from '../../../../node/network/connection-gate.ts'

function inbound(...addresses: string[]): GatedConnection[] {
  return addresses.map((address) => ({
    direction: 'inbound',
    remoteAddr: { toString: () => address },
  }))
}

const many = (count: number, address: (i: number) => string): string[] =>
  Array.from({ length: count }, (_, i) => address(i))

test.each([
  ['/ip4/203.0.113.9/tcp/4801', '203.0.113.0/24'],
  ['/ip6/2001:db8:12::9/tcp/4801', '2001:db8:12::/48'],
  ['/ip6/2001:0DB8:0012:5::9/tcp/4801', '2001:db8:12::/48'],
  ['/ip6/2001:db8::9/tcp/4801', '2001:db8:0::/48'],
  ['/ip4/127.0.0.1/tcp/1', undefined],
  ['/ip4/10.1.2.3/tcp/1', undefined],
  ['/ip4/172.20.0.3/tcp/1', undefined],
  ['/ip4/192.168.0.3/tcp/1', undefined],
  ['/ip6/::1/tcp/1', undefined],
  ['/ip6/fd00::1/tcp/1', undefined],
  ['/dns4/node.example/tcp/1', undefined],
])('%s is of the subnet %s', (address, subnet) => {
  expect(publicSubnet(address)).toBe(subnet)
})

test('one public subnet gets eight inbound connections, other subnets more', () => {
  const open = inbound(...many(8, (i) => `/ip4/203.0.113.${i}/tcp/1`))
  expect(admitsInbound('/ip4/203.0.113.200/tcp/1', open)).toBe(false)
  expect(admitsInbound('/ip4/203.0.114.200/tcp/1', open)).toBe(true)
  expect(admitsInbound('/ip4/203.0.113.200/tcp/1', open.slice(1))).toBe(true)
})

test('own dials into a subnet do not take its slots', () => {
  const open = inbound(...many(8, (i) => `/ip4/203.0.113.${i}/tcp/1`)).map((each) => ({
    ...each,
    direction: 'outbound' as const,
  }))
  expect(admitsInbound('/ip4/203.0.113.200/tcp/1', open)).toBe(true)
})

test('eight slots of 64 are left to own dials, whoever asks', () => {
  const open = inbound(...many(56, (i) => `/ip4/10.0.${i}.1/tcp/1`))
  expect(admitsInbound('/ip4/10.9.9.9/tcp/1', open)).toBe(false)
  expect(admitsInbound('/ip4/10.9.9.9/tcp/1', open.slice(1))).toBe(true)
})
