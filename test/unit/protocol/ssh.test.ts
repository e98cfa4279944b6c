import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import {
  encodeSshKey,
  encodeSshKeyLine,
  parseSshKey,
  parseSshKeyLine,
} from '../../../protocol/ssh-key.ts'
import {
  encodeSshArmor,
  encodeSshSignature,
  isSshSignatureOf,
  parseSshArmor,
  parseSshSignature,
} from '../../../protocol/ssh-signature.ts'
import { sshString } from '../../../protocol/ssh-wire.ts'
import { makeKey } from '../../support/cards.ts'
import { securityKeyOf, signSsh, sshKeyOf } from '../../support/ssh.ts'

const secret = makeKey('root')
const plain = sshKeyOf(secret)
const security = securityKeyOf(secret)
const message = Buffer.from('a card')
const NAMESPACE = 'rebuildnet-card/1'

describe.each([
  ['a plain key', plain],
  ['a security key', security],
])('the signature of %s', (_name, key) => {
  const blob = signSsh(secret, key, message)
  const verifies = (bytes: Uint8Array): boolean => {
    const parsed = parseSshSignature(bytes)
    return parsed !== undefined && isSshSignatureOf(parsed, NAMESPACE, message, nodeCrypto)
  }

  it('is written as it was read', () => {
    const parsed = parseSshSignature(blob)
    expect(parsed?.key).toEqual(key)
    expect(parsed === undefined ? '' : encodeSshSignature(parsed)).toEqual(blob)
    expect(verifies(blob)).toBe(true)
  })

  it('is nothing when cut off at any byte, or with one more', () => {
    for (let length = 0; length < blob.length; length++) {
      expect(parseSshSignature(blob.subarray(0, length))).toBeUndefined()
    }
    expect(parseSshSignature(Buffer.concat([blob, Buffer.of(0)]))).toBeUndefined()
  })

  it('does not verify with any bit changed', () => {
    for (let at = 0; at < blob.length * 8; at++) {
      const changed = Buffer.from(blob)
      changed[at >> 3] = (changed[at >> 3] ?? 0) ^ (1 << (at & 7))
      expect(verifies(changed)).toBe(false)
    }
  })

  it('has one text', () => {
    const text = encodeSshArmor(blob)
    expect(parseSshArmor(text)).toEqual(new Uint8Array(blob))
    expect(parseSshArmor(text.replaceAll('\n', '\r\n'))).toEqual(new Uint8Array(blob))
    expect(parseSshArmor(text.replace('BEGIN', 'BEGINS'))).toBeUndefined()
    expect(parseSshArmor(text.split('\n').slice(0, 2).join('\n'))).toBeUndefined()
  })
})

describe('an SSH key', () => {
  it.each([plain, security])('has one line: $type', (key) => {
    const line = encodeSshKeyLine(key)
    expect(parseSshKeyLine(`${line} someone@somewhere\n`)).toEqual(key)
    expect(parseSshKey(encodeSshKey(key))).toEqual(key)
  })

  it.each([
    ['of another kind', Buffer.concat([sshString('ssh-rsa'), sshString(plain.publicKey)])],
    ['of 31 bytes', Buffer.concat([sshString('ssh-ed25519'), sshString(new Uint8Array(31))])],
    ['with more after it', Buffer.concat([encodeSshKey(plain), Buffer.of(0)])],
    ['in a device, for a web site', encodeSshKey({ ...security, application: 'https://x' })],
    [
      'in a device, for a long name',
      encodeSshKey({ ...security, application: `ssh:${'x'.repeat(200)}` }),
    ],
    ['that is empty', new Uint8Array()],
  ])('%s is refused', (_name, blob) => {
    expect(parseSshKey(blob)).toBeUndefined()
  })

  it('is not read from a line that calls it something else', () => {
    const line = encodeSshKeyLine(plain).replace('ssh-ed25519', 'ssh-rsa')
    expect(parseSshKeyLine(line)).toBeUndefined()
    expect(parseSshKeyLine('no key')).toBeUndefined()
  })
})

it('a signature without a touch is not taken, though it is otherwise right', () => {
  const parsed = parseSshSignature(signSsh(secret, security, message, { flags: 4 }))
  if (parsed === undefined) throw new Error('not read')
  expect(isSshSignatureOf(parsed, NAMESPACE, message, nodeCrypto)).toBe(false)
})
