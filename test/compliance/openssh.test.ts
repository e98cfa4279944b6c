/** SSH keys and signatures against OpenSSH itself: each reads what the other writes. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { findTool } from '../../node/system/packages.ts'
import { portableCrypto } from '../../protocol/portable-crypto.ts'
import { encodeSshKeyLine, parseSshKeyLine, sshFingerprint } from '../../protocol/ssh-key.ts'
import {
  encodeSshArmor,
  encodeSshSignature,
  isSshSignatureOf,
  parseSshArmor,
  parseSshSignature,
} from '../../protocol/ssh-signature.ts'
import { makeCardStatement, makeKey } from '../support/cards.ts'
import { rootKeyOf, securityKeyOf, signSsh, sshKeyOf } from '../support/ssh.ts'
import { generateSshKey, signWithSshKeygen, verifyWithSshKeygen } from '../support/openssh.ts'

const NAMESPACE = 'rebuildnet-card/1'
const MESSAGE = Buffer.from('{"a":"card"}')

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rn-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

async function opened(armored: string) {
  const blob = parseSshArmor(armored)
  const signature = blob === undefined ? undefined : parseSshSignature(blob)
  if (blob === undefined || signature === undefined) throw new Error(`not read: ${armored}`)
  return { blob, signature }
}

// Without openssh-client there is nothing to compare with.
describe.skipIf(findTool('ssh-keygen') === undefined)('OpenSSH', () => {
  it.each(['sha512', 'sha256'])('makes signatures over %s that verify here', async (hash) => {
    const file = await generateSshKey(folder, 'id')
    const options = ['-O', `hashalg=${hash}`]
    const armored = await signWithSshKeygen(file, NAMESPACE, MESSAGE, options)
    const { blob, signature } = await opened(armored)
    expect(signature).toMatchObject({ namespace: NAMESPACE, hash })
    for (const crypto of [nodeCrypto, portableCrypto]) {
      expect(isSshSignatureOf(signature, NAMESPACE, MESSAGE, crypto)).toBe(true)
      expect(isSshSignatureOf(signature, 'file', MESSAGE, crypto)).toBe(false)
      expect(isSshSignatureOf(signature, NAMESPACE, Buffer.from('x'), crypto)).toBe(false)
    }
    // Written again, it is the same text.
    expect(Buffer.from(encodeSshSignature(signature))).toEqual(Buffer.from(blob))
    expect(encodeSshArmor(blob)).toBe(armored)
  })

  it('names its keys as they are named here', async () => {
    const file = await generateSshKey(folder, 'id')
    const line = await readFile(`${file}.pub`, 'utf8')
    const key = parseSshKeyLine(line)
    if (key === undefined) throw new Error(line)
    expect(line.startsWith(`${encodeSshKeyLine(key)} test`)).toBe(true)
    const shown = execFileSync('ssh-keygen', ['-l', '-f', `${file}.pub`], { encoding: 'utf8' })
    expect(shown.split(' ')[1]).toBe(sshFingerprint(key, nodeCrypto))
  })

  it.each([
    ['a plain key', sshKeyOf],
    ['a security key', securityKeyOf],
  ] as const)('verifies what is signed here by %s', async (_name, keyOf) => {
    const secret = makeKey('root')
    const key = keyOf(secret)
    const armored = encodeSshArmor(signSsh(secret, key, MESSAGE))
    const line = encodeSshKeyLine(key)
    const said = await verifyWithSshKeygen(folder, line, NAMESPACE, MESSAGE, armored)
    expect(said).toContain(`Good "${NAMESPACE}" signature for alice`)
    const other = Buffer.from('another message')
    await expect(verifyWithSshKeygen(folder, line, NAMESPACE, other, armored)).rejects.toThrow()
  })

  it('makes the proof of a root key as it is', async () => {
    const file = await generateSshKey(folder, 'id')
    const key = parseSshKeyLine(await readFile(`${file}.pub`, 'utf8'))
    if (key === undefined) throw new Error('not a key')
    const prove = (card: Uint8Array): string => {
      const args = ['-Y', 'sign', '-q', '-n', NAMESPACE, '-f', file]
      const armored = execFileSync('ssh-keygen', args, { input: card, encoding: 'utf8' })
      return Buffer.from(parseSshArmor(armored) ?? []).toString('base64')
    }
    const root = { rootKey: rootKeyOf(key), prove }
    const { statement } = makeCardStatement({ root, keys: [makeKey('signing key')] })
    expect(statement.body.rootKey).toEqual(root.rootKey)
  })
})
