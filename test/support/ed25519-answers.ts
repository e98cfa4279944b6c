/**
 * What this Node answers to every signature vector, under the strict profile: strings of 0 and 1,
 * by the host's crypto and by the portable one. Started by tests on each supported Node.
 *
 *   node test/support/ed25519-answers.ts    prints {"node","own","outside"}
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import type { Crypto } from '../../protocol/crypto.ts'
import { verifyStrict } from '../../protocol/ed25519.ts'
import { portableCrypto } from '../../protocol/portable-crypto.ts'

export interface Case {
  readonly key: string
  readonly message: Buffer
  readonly signature: string
}

export interface OutsideCase extends Case {
  /** What the set itself expects, where it has an opinion. */
  readonly valid?: boolean
  /** What the set says of its points, where it does. */
  readonly flags: readonly string[]
}

export interface Answers {
  readonly node: string
  /** By the host and by the portable implementation. */
  readonly own: { readonly host: string; readonly portable: string }
  readonly outside?: { readonly host: string; readonly portable: string }
}

const root = join(import.meta.dirname, '..', 'vectors', 'ed25519')

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'))
}

function ownCases(): Case[] {
  const { vectors } = readJson(join(root, 'strict.json')) as {
    vectors: { key: string; message: string; signature: string }[]
  }
  return vectors.map((each) => ({ ...each, message: Buffer.from(each.message, 'hex') }))
}

/** The cases in `folder`, in the order speccheck, CCTV, Wycheproof. */
export function outsideCases(
  folder: string,
): Record<'speccheck' | 'cctv' | 'wycheproof', OutsideCase[]> {
  const speccheck = readJson(join(folder, 'ed25519', 'speccheck.json')) as {
    message: string
    pub_key: string
    signature: string
  }[]
  const cctv = readJson(join(folder, 'ed25519', 'cctv.json')) as {
    key: string
    sig: string
    msg: string
    flags: string[] | null
  }[]
  const wycheproof = readJson(join(folder, 'ed25519', 'wycheproof.json')) as {
    testGroups: {
      publicKey: { pk: string }
      tests: { msg: string; sig: string; result: string }[]
    }[]
  }
  return {
    speccheck: speccheck.map(({ message, pub_key: key, signature }) => ({
      key,
      message: Buffer.from(message, 'hex'),
      signature,
      flags: [],
    })),
    cctv: cctv.map(({ key, sig, msg, flags }) => ({
      key,
      message: Buffer.from(msg),
      signature: sig,
      flags: flags ?? [],
    })),
    wycheproof: wycheproof.testGroups.flatMap(({ publicKey, tests }) =>
      tests.map(({ msg, sig, result }) => ({
        key: publicKey.pk,
        message: Buffer.from(msg, 'hex'),
        signature: sig,
        valid: result === 'valid',
        flags: [],
      })),
    ),
  }
}

export function answer({ key, message, signature }: Case, crypto: Crypto): boolean {
  const [publicKey, signed] = [Buffer.from(key, 'hex'), Buffer.from(signature, 'hex')]
  return verifyStrict(publicKey, message, signed, crypto) === 'ok'
}

function answers(cases: readonly Case[]): { host: string; portable: string } {
  const of = (crypto: Crypto): string =>
    cases.map((each) => (answer(each, crypto) ? '1' : '0')).join('')
  return { host: of(nodeCrypto), portable: of(portableCrypto) }
}

if (import.meta.main) {
  const folder = process.env.REBUILDNET_VECTORS
  const result: Answers = {
    node: process.versions.node,
    own: answers(ownCases()),
    ...(folder === undefined
      ? {}
      : { outside: answers(Object.values(outsideCases(folder)).flat()) }),
  }
  process.stdout.write(JSON.stringify(result))
}
