/**
 * Bytes under a passphrase, as a text file: scrypt (RFC 7914) makes a key of the passphrase,
 * ChaCha20-Poly1305 (RFC 8439) seals the bytes under it. node/crypto/README.md has the format.
 *
 * The head of the file is authenticated along with the content, byte for byte, and stands in one
 * spelling only. What it asks of scrypt is bounded before it is done: the file may be a stranger's.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto'
import { concat, parseBase64, toBase64, utf8 } from '../../protocol/bytes.ts'

/** 128 MiB and half a second for each guess. */
const COST_LOG2 = 17
const MIN_COST_LOG2 = 14
const MAX_COST_LOG2 = 20
const BLOCK_SIZE = 8
const SALT_BYTES = 16
const NONCE_BYTES = 12
const KEY_BYTES = 32
const TAG_BYTES = 16
const CIPHER = 'chacha20-poly1305'
const COLUMNS = 76

export interface SealOptions {
  /** The first line: what the file is, and the version of its format. */
  readonly magic: string
  /** Absent: the content is not encrypted, and the file says so. */
  readonly passphrase: string | undefined
}

export type OpenedText =
  | { readonly kind: 'opened'; readonly content: Uint8Array }
  /** Is no such file, or is cut or damaged where that can be seen without the passphrase. */
  | { readonly kind: 'malformed' }
  | { readonly kind: 'passphrase-needed' }
  /** Another passphrase, or a damaged file: nobody can tell which. */
  | { readonly kind: 'not-opened' }

export async function sealText(content: Uint8Array, options: SealOptions): Promise<string> {
  const { magic, passphrase } = options
  if (passphrase === undefined) return `${magic}\nplain\n\n${wrap(content)}`
  const salt = Uint8Array.from(randomBytes(SALT_BYTES))
  const nonce = Uint8Array.from(randomBytes(NONCE_BYTES))
  const head = `${magic}\nscrypt ${COST_LOG2} ${BLOCK_SIZE} 1 ${toBase64(salt)}\n${CIPHER} ${toBase64(nonce)}\n\n`
  const key = await deriveKey(passphrase, salt, COST_LOG2)
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(utf8(head), { plaintextLength: content.length })
  const sealed = concat(cipher.update(content), cipher.final(), cipher.getAuthTag())
  return `${head}${wrap(sealed)}`
}

export async function openText(text: string, options: SealOptions): Promise<OpenedText> {
  const { magic, passphrase } = options
  const end = text.indexOf('\n\n') + 2
  const head = text.slice(0, end)
  const body = parseBase64(text.slice(end).replaceAll('\n', ''))
  // One spelling: a file whose lines were joined or cut elsewhere is not the one that was written.
  if (end < 2 || body === undefined || wrap(body) !== text.slice(end)) return { kind: 'malformed' }
  const [first, second = '', third = '', ...rest] = head.split('\n')
  if (first !== magic) return { kind: 'malformed' }
  if (second === 'plain') {
    const isPlain = third === '' && rest.length === 1
    return isPlain ? { kind: 'opened', content: body } : { kind: 'malformed' }
  }
  const [, cost, saltText = ''] = /^scrypt ([0-9]{2}) 8 1 (\S+)$/.exec(second) ?? []
  const [, nonceText = ''] = /^chacha20-poly1305 (\S+)$/.exec(third) ?? []
  const salt = parseBase64(saltText)
  const nonce = parseBase64(nonceText)
  const costLog2 = Number(cost)
  if (salt?.length !== SALT_BYTES || nonce?.length !== NONCE_BYTES || rest.length !== 2) {
    return { kind: 'malformed' }
  }
  if (!(costLog2 >= MIN_COST_LOG2 && costLog2 <= MAX_COST_LOG2) || body.length <= TAG_BYTES) {
    return { kind: 'malformed' }
  }
  if (passphrase === undefined) return { kind: 'passphrase-needed' }
  const key = await deriveKey(passphrase, salt, costLog2)
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
  const sealed = body.subarray(0, -TAG_BYTES)
  decipher.setAAD(utf8(head), { plaintextLength: sealed.length })
  decipher.setAuthTag(body.subarray(-TAG_BYTES))
  try {
    return { kind: 'opened', content: concat(decipher.update(sealed), decipher.final()) }
  } catch {
    return { kind: 'not-opened' }
  }
}

/** In one Unicode form: keyboards and systems differ in how they write an umlaut. */
function deriveKey(passphrase: string, salt: Uint8Array, costLog2: number): Promise<Buffer> {
  const options = { N: 2 ** costLog2, r: BLOCK_SIZE, p: 1, maxmem: 2 ** (costLog2 + 11) }
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFC'), salt, KEY_BYTES, options, (error, key) => {
      if (error === null) resolve(key)
      else reject(error)
    })
  })
}

function wrap(bytes: Uint8Array): string {
  const base64 = toBase64(bytes)
  const lines: string[] = []
  for (let at = 0; at < base64.length; at += COLUMNS) lines.push(base64.slice(at, at + COLUMNS))
  return lines.map((line) => `${line}\n`).join('')
}
