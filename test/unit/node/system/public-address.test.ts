import { describe, expect, it } from 'vitest'
import {
  isLoopbackHost,
  isPublicAddress,
  resolveHost,
} from '../../../../node/system/public-address.ts'

describe('an address', () => {
  it.each(['1.1.1.1', '8.8.8.8', '172.15.0.1', '172.32.0.1', '100.63.0.1', '2606:4700::1111'])(
    '%s is public',
    (address) => expect(isPublicAddress(address)).toBe(true),
  )

  it.each([
    '0.0.0.0',
    '10.1.2.3',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.0.1',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:127.0.0.1',
    // Embeddings are refused whole: what they lead to is the network's to say.
    '::ffff:1.1.1.1',
    '::ffff:a00:1',
    '64:ff9b::a00:1',
    'fc00::1',
    'fe80::1',
    'ff02::1',
    'not an address',
  ])('%s is not public', (address) => expect(isPublicAddress(address)).toBe(false))

  it.each([
    ['localhost', true],
    // Some resolvers ask the network for these.
    ['a.localhost', false],
    ['127.1.2.3', true],
    ['[::1]', true],
    ['::1', true],
    ['localhost.example.com', false],
    ['10.0.0.1', false],
  ])('%s is loopback: %s', (host, answer) => expect(isLoopbackHost(host)).toBe(answer))

  it('needs no look-up where it is one already', async () => {
    expect(await resolveHost('[::1]')).toEqual(['::1'])
  })
})
