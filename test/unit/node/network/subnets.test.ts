import { expect, test } from 'vitest'
import { publicNetwork, publicSubnet } from '../../../../node/network/subnets.ts'

test.each([
  ['/ip4/203.0.113.9/tcp/4801', '203.0.113.0/24', '203.0.0.0/16'],
  ['/ip6/2001:db8:12::9/tcp/4801', '2001:db8:12::/48', '2001:db8::/32'],
  ['/ip6/2001:0DB8:0012:5::9/tcp/4801', '2001:db8:12::/48', '2001:db8::/32'],
  ['/ip6/2001:db8::9/tcp/4801', '2001:db8:0::/48', '2001:db8::/32'],
  ['/ip4/127.0.0.1/tcp/1', undefined, undefined],
  ['/ip4/10.1.2.3/tcp/1', undefined, undefined],
  ['/ip4/172.20.0.3/tcp/1', undefined, undefined],
  ['/ip4/192.168.0.3/tcp/1', undefined, undefined],
  ['/ip6/::1/tcp/1', undefined, undefined],
  ['/ip6/fd00::1/tcp/1', undefined, undefined],
  ['/dns4/node.example/tcp/1', undefined, undefined],
])('%s is of the subnet %s and the network %s', (address, subnet, network) => {
  expect(publicSubnet(address)).toBe(subnet)
  expect(publicNetwork(address)).toBe(network)
})
