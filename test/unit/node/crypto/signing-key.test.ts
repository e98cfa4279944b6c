import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import {
  createSigningKey,
  KeyError,
  loadSigningKey,
  SigningKey,
} from '../../../../node/crypto/signing-key.ts'
import { verifyStrict } from '../../../../protocol/ed25519.ts'

let folder: string
let file: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rebuildnet-key-'))
  file = join(folder, 'signing.key')
})
afterEach(() => rm(folder, { recursive: true }))

const code = async (work: Promise<unknown>): Promise<string | undefined> => {
  const error: unknown = await work.catch((cause: unknown) => cause)
  return error instanceof KeyError ? error.code : undefined
}

describe('a signing key', () => {
  it('signs as RFC 8032 has it (section 7.1, test 2)', () => {
    const seed = '4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb'
    const key = new SigningKey(Buffer.from(seed, 'hex'))
    expect(key.publicKey).toBe('3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c')
    expect(Buffer.from(key.sign(Buffer.from('72', 'hex'))).toString('hex')).toBe(
      '92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
    )
  })

  it('is the same when it is loaded again, and its signatures verify', async () => {
    const made = await createSigningKey(file)
    const loaded = await loadSigningKey(file)
    expect(loaded.publicKey).toBe(made.publicKey)
    const message = Buffer.from('message')
    const publicKey = Buffer.from(made.publicKey, 'hex')
    expect(verifyStrict(publicKey, message, loaded.sign(message), nodeCrypto)).toBe('ok')
  })

  it('is a new one each time', async () => {
    const other = await createSigningKey(join(folder, 'other.key'))
    expect((await createSigningKey(file)).publicKey).not.toBe(other.publicKey)
  })

  it('is 64 hex digits in a file that only its owner can read', async () => {
    await createSigningKey(file)
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readFile(file, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/)
  })

  it('is never written over another', async () => {
    await createSigningKey(file)
    const before = await readFile(file, 'utf8')
    expect(await code(createSigningKey(file))).toBe('key-exists')
    expect(await readFile(file, 'utf8')).toBe(before)
  })

  it('is refused where there is none, where it is none, and where others may read it', async () => {
    expect(await code(loadSigningKey(file))).toBe('key-missing')
    await writeFile(file, 'no key\n', { mode: 0o600 })
    expect(await code(loadSigningKey(file))).toBe('key-malformed')
    await rm(file)
    await createSigningKey(file)
    await chmod(file, 0o640)
    expect(await code(loadSigningKey(file))).toBe('key-readable-by-others')
    expect(await code(loadSigningKey(join(file, 'below-a-file')))).toBe('key-inaccessible')
  })

  it('does not show itself when it is printed or refused', async () => {
    const key = await createSigningKey(file)
    const seed = (await readFile(file, 'utf8')).trim()
    expect(JSON.stringify(key)).not.toContain(seed)
    await writeFile(file, `${seed}zz\n`, { mode: 0o600 })
    const error: unknown = await loadSigningKey(file).catch((cause: unknown) => cause)
    expect(String(error)).not.toContain(seed.slice(0, 16))
  })
})
