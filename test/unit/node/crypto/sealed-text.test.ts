import { describe, expect, it } from 'vitest'
import { openText, sealText } from '../../../../node/crypto/sealed-text.ts'

const magic = 'test/1'
const passphrase = 'correct horse battery staple'
const content = Uint8Array.from({ length: 200 }, (_, index) => index)

/** Made by Python's hashlib.scrypt and the ChaCha20-Poly1305 of its cryptography package. */
const FROM_PYTHON = `test/1
scrypt 14 8 1 AAECAwQFBgcICQoLDA0ODw==
chacha20-poly1305 AAECAwQFBgcICQoL

ehTD5vDitzhBAkcPIpqGYonkAhQgDLPLezUuj8w11No=
`

describe('sealed text', () => {
  it('opens under its passphrase, to the bytes that were sealed', async () => {
    const text = await sealText(content, { magic, passphrase })
    expect(await openText(text, { magic, passphrase })).toEqual({ kind: 'opened', content })
    expect(text).toMatch(/^test\/1\nscrypt 17 8 1 \S{24}\nchacha20-poly1305 \S{16}\n\n/)
  })

  it('is another text each time', async () => {
    const first = await sealText(content, { magic, passphrase })
    expect(await sealText(content, { magic, passphrase })).not.toBe(first)
  })

  it('opens what another implementation has sealed', async () => {
    expect(await openText(FROM_PYTHON, { magic, passphrase })).toEqual({
      kind: 'opened',
      content: Uint8Array.from(Buffer.from('sealed elsewhere')),
    })
  })

  it('opens under the same passphrase in another Unicode form', async () => {
    const text = await sealText(content, { magic, passphrase: 'Gr\u00fc\u00dfe an alle dort' })
    const opened = await openText(text, { magic, passphrase: 'Gru\u0308\u00dfe an alle dort' })
    expect(opened.kind).toBe('opened')
  })

  it('does not open under another passphrase, and says when one is needed', async () => {
    expect(await openText(FROM_PYTHON, { magic, passphrase: `${passphrase}.` })).toEqual({
      kind: 'not-opened',
    })
    expect(await openText(FROM_PYTHON, { magic, passphrase: undefined })).toEqual({
      kind: 'passphrase-needed',
    })
  })

  it('does not open after it was cut anywhere, or one of its characters was changed', async () => {
    const options = { magic, passphrase }
    // Each of them costs a run of scrypt.
    for (let at = 0; at < FROM_PYTHON.length; at += 7) {
      const cut = await openText(FROM_PYTHON.slice(0, at), options)
      expect(cut.kind, `cut at ${at}`).not.toBe('opened')
      const other = FROM_PYTHON[at] === 'A' ? 'B' : 'A'
      const changed = FROM_PYTHON.slice(0, at) + other + FROM_PYTHON.slice(at + 1)
      expect((await openText(changed, options)).kind, `changed at ${at}`).not.toBe('opened')
    }
  })

  it('does not do what a hostile head asks of scrypt', async () => {
    for (const asked of ['scrypt 21 8 1', 'scrypt 30 8 1', 'scrypt 14 64 1', 'scrypt 13 8 1']) {
      const text = FROM_PYTHON.replace('scrypt 14 8 1', asked)
      expect(await openText(text, { magic, passphrase }), asked).toEqual({ kind: 'malformed' })
    }
  })

  it('is plain where there is no passphrase, and says so', async () => {
    const text = await sealText(content, { magic, passphrase: undefined })
    expect(text).toMatch(/^test\/1\nplain\n\n/)
    expect(await openText(text, { magic, passphrase: undefined })).toEqual({
      kind: 'opened',
      content,
    })
  })

  it('is not what another format wrote', async () => {
    expect(await openText(FROM_PYTHON, { magic: 'test/2', passphrase })).toEqual({
      kind: 'malformed',
    })
  })
})
