/**
 * Lists of operators that were imported: who may sign the next one of each name, and what each
 * brought, in a file of the data folder.
 */
import { readFile } from 'node:fs/promises'
import { z } from 'zod'
import { utf8 } from '../protocol/bytes.ts'
import type { Crypto } from '../protocol/crypto.ts'
import { PolicyError } from '../protocol/policy-error.ts'
import type { PolicyOperator } from '../protocol/policy.ts'
import {
  encodeSshKeyLine,
  parseSshKeyLine,
  sshFingerprint,
  type SshKey,
} from '../protocol/ssh-key.ts'
import { isSshSignatureOf, parseSshArmor, parseSshSignature } from '../protocol/ssh-signature.ts'
import { parseTrustList, TRUST_NAMESPACE, type TrustList } from '../protocol/trust-list.ts'
import { writeFileAtomic } from './atomic-file.ts'
import { ConfigError } from './config-error.ts'
import { parseToml } from './toml-file.ts'

const operator = z.strictObject({
  id: z.string(),
  name: z.string().exactOptional(),
  groups: z.array(z.string()),
  card: z.string().exactOptional(),
})

const records = z.record(
  z.string(),
  z.strictObject({
    /** The line of the key that signed it. */
    signer: z.string(),
    serial: z.int(),
    /** sha256 of the list's text. */
    digest: z.string(),
    operators: z.array(operator),
  }),
)

type Records = z.infer<typeof records>

export interface OpenedList {
  readonly list: TrustList
  readonly text: string
  readonly signer: SshKey
  readonly fingerprint: string
  /** Whether its signer was named by the caller, or has signed an earlier list of this name. */
  readonly known: boolean
  /** What the last list of this name brought. */
  readonly earlier: readonly PolicyOperator[]
}

export class TrustLists {
  readonly #file: string
  readonly #crypto: Crypto

  constructor(components: { readonly crypto: Crypto }, options: { readonly file: string }) {
    this.#crypto = components.crypto
    this.#file = options.file
  }

  /** Checks signature, signer and serial. Throws ConfigError or PolicyError. */
  async open(text: string, signature: string, named: string | undefined): Promise<OpenedList> {
    const signer = this.#verify(text, signature)
    const fingerprint = sshFingerprint(signer, this.#crypto)
    const list = readList(text)
    const record = (await this.#load())[list.name]
    const isNamed = named !== undefined && isKey(named, signer, fingerprint)
    if (named !== undefined && !isNamed) {
      throw new ConfigError('refused', `the list is signed by ${fingerprint}, not by ${named}`)
    }
    if (record !== undefined) {
      if (record.signer !== encodeSshKeyLine(signer) && !isNamed) {
        throw new ConfigError(
          'refused',
          `"${list.name}" was signed by ${fingerprintOf(record.signer, this.#crypto)} so far, this one is by ${fingerprint}: if its publisher says that this is the new key, name it with --signer`,
        )
      }
      const isOther = record.digest !== this.#digestOf(text)
      if (list.serial < record.serial || (list.serial === record.serial && isOther)) {
        throw new ConfigError(
          'refused',
          `"${list.name}" has serial ${list.serial}, and ${record.serial} was taken already: it is an old list, or two have one number`,
        )
      }
    }
    const earlier = (record?.operators ?? []) as readonly PolicyOperator[]
    return { list, text, signer, fingerprint, known: isNamed || record !== undefined, earlier }
  }

  /** Remembers that a list was taken. */
  async remember({ list, text, signer }: OpenedList): Promise<void> {
    const all = await this.#load()
    all[list.name] = {
      signer: encodeSshKeyLine(signer),
      serial: list.serial,
      digest: this.#digestOf(text),
      operators: list.operators.map((each) => ({ ...each, groups: [...each.groups] })),
    }
    await writeFileAtomic(this.#file, `${JSON.stringify(all, null, 2)}\n`)
  }

  #digestOf(text: string): string {
    return Buffer.from(this.#crypto.sha256(utf8(text))).toString('hex')
  }

  #verify(text: string, signature: string): SshKey {
    const blob = parseSshArmor(signature)
    const parsed = blob === undefined ? undefined : parseSshSignature(blob)
    if (parsed === undefined) {
      throw new ConfigError(
        'bad-value',
        'the signature is none by an Ed25519 key that "ssh-keygen -Y sign" writes',
      )
    }
    if (parsed.namespace !== TRUST_NAMESPACE) {
      throw new ConfigError(
        'bad-value',
        `the signature is for another purpose: sign with "ssh-keygen -Y sign -n ${TRUST_NAMESPACE}"`,
      )
    }
    if (!isSshSignatureOf(parsed, TRUST_NAMESPACE, utf8(text), this.#crypto)) {
      throw new ConfigError('bad-value', 'the signature is not of this list: fetch both again')
    }
    return parsed.key
  }

  async #load(): Promise<Records> {
    const text = await readFile(this.#file, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '{}'
      throw error
    })
    try {
      return records.parse(JSON.parse(text))
    } catch (cause) {
      throw new ConfigError('bad-value', `${this.#file} is damaged: restore it, or move it away`, {
        cause,
      })
    }
  }
}

function readList(text: string): TrustList {
  try {
    return parseTrustList(parseToml(text, 'the list'))
  } catch (error) {
    if (error instanceof PolicyError) throw error.in('the list')
    throw error
  }
}

/** Whether a person's words for a key (its line, or its fingerprint) mean this one. */
function isKey(words: string, key: SshKey, fingerprint: string): boolean {
  const line = parseSshKeyLine(words)
  return (
    words === fingerprint ||
    (line !== undefined && encodeSshKeyLine(line) === encodeSshKeyLine(key))
  )
}

function fingerprintOf(line: string, crypto: Crypto): string {
  const key = parseSshKeyLine(line)
  return key === undefined ? line : sshFingerprint(key, crypto)
}
