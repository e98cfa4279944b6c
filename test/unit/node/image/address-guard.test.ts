import { describe, expect, it } from 'vitest'
import { AddressGuard } from '../../../../node/image/address-guard.ts'
import { isPublicAddress } from '../../../../node/system/public-address.ts'

describe('isPublicAddress', () => {
  it.each([
    '1.1.1.1',
    '172.15.255.255',
    '172.32.0.1',
    '100.63.0.1',
    '193.0.0.1',
    '2606:4700::1111',
    '2a00::1',
  ])('takes %s', (address) => {
    expect(isPublicAddress(address)).toBe(true)
  })

  it.each([
    '0.0.0.0',
    '10.255.0.1',
    '100.64.0.1',
    '127.0.0.1',
    '169.254.169.254',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '198.18.0.1',
    '203.0.113.5',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:1.1.1.1',
    '::ffff:10.0.0.1',
    '64:ff9b::a00:1',
    '2001:db8::1',
    '2001::1',
    '2002:a00:1::',
    'fc00::1',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    'localhost',
    '',
  ])('does not take %s', (address) => {
    expect(isPublicAddress(address)).toBe(false)
  })
})

describe('AddressGuard', () => {
  const guard = new AddressGuard(['registry.lan:5000', '10.0.0.7', '[fd00::1]:5000'])
  const refuses = (code: string) => expect.objectContaining({ name: 'ImageError', code }) as Error
  const url = (text: string) => new URL(text)

  it('lets a loopback name go to loopback and nowhere else inside', () => {
    guard.checkAddress('localhost', '5000', '127.0.0.1')
    guard.checkAddress('localhost', '5000', '::1')
    guard.checkAddress('127.0.0.9', '80', '127.0.0.9')
    expect(() => guard.checkAddress('localhost', '80', '10.0.0.1')).toThrow(
      refuses('address-refused'),
    )
    expect(() => guard.checkAddress('localhost.example', '80', '127.0.0.1')).toThrow(
      refuses('address-refused'),
    )
  })

  it('lets listed hosts go anywhere, on the listed port where one is listed', () => {
    guard.checkAddress('registry.lan', '5000', '192.168.3.4')
    guard.checkAddress('10.0.0.7', '8443', '10.0.0.7')
    guard.checkAddress('fd00::1', '5000', 'fd00::1')
    expect(() => guard.checkAddress('registry.lan', '443', '192.168.3.4')).toThrow(
      refuses('address-refused'),
    )
    expect(() => guard.checkAddress('fd00::1', '443', 'fd00::1')).toThrow(
      refuses('address-refused'),
    )
  })

  it('lets plain http go to loopback and to listed hosts', () => {
    guard.checkUrl(url('http://localhost:5000/v2/'))
    guard.checkUrl(url('http://[::1]/'))
    guard.checkUrl(url('http://registry.lan:5000/'))
    guard.checkUrl(url('http://[fd00::1]:5000/'))
    expect(() => guard.checkUrl(url('http://registry.lan/'))).toThrow(refuses('address-refused'))
    expect(() => guard.checkUrl(url('http://ghcr.io/'))).toThrow(refuses('address-refused'))
  })

  it('lets no redirect lead from elsewhere to loopback, nor from https to plain http', () => {
    const from = url('https://ghcr.io/v2/')
    expect(() => guard.checkUrl(url('http://localhost/'), from)).toThrow(refuses('address-refused'))
    expect(() => guard.checkUrl(url('https://127.0.0.1/'), from)).toThrow(
      refuses('address-refused'),
    )
    expect(() => guard.checkUrl(url('http://cdn.example/'), from)).toThrow(
      refuses('redirect-refused'),
    )
    guard.checkUrl(url('https://cdn.example/'), from)
    guard.checkUrl(url('http://127.0.0.1:81/'), url('http://127.0.0.1:80/'))
  })
})
