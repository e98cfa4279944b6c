/**
 * Whether a git tag was signed by one of the keys that a project names.
 *
 * Git signs the object of a tag up to the signature, with `ssh-keygen -Y sign -n git`. The object
 * must also name the tag that it was found under and the commit that it stands for: a signed tag
 * that is served under another name says nothing. Signatures by OpenPGP, X.509 and SSH keys other
 * than Ed25519 are not checked here, and are refused in words.
 */
import { decodeUtf8, equalBytes, parseBase64, utf8 } from '../../protocol/bytes.ts'
import type { Crypto } from '../../protocol/crypto.ts'
import { encodeSshKey } from '../../protocol/ssh-key.ts'
import { isSshSignatureOf, parseSshArmor, parseSshSignature } from '../../protocol/ssh-signature.ts'

const NAMESPACE = 'git'
const SSH_BEGIN = '-----BEGIN SSH SIGNATURE-----'
const OTHER = /^-----BEGIN (?:PGP SIGNATURE|PGP MESSAGE|SIGNED MESSAGE)-----$/m

export interface ExpectedTag {
  readonly name: string
  readonly commit: string
  /** `ssh-ed25519 AAAA…` */
  readonly keys: readonly string[]
}

/** Why the tag must not be believed, as the end of "the tag …"; undefined where it may be. */
export function refuseTag(
  object: Uint8Array | undefined,
  { name, commit, keys }: ExpectedTag,
  crypto: Crypto,
): string | undefined {
  if (object === undefined) return 'is not signed: it is a mere name for a commit'
  const text = decodeUtf8(object)
  if (text === undefined) return 'has bytes that are not UTF-8: its signature cannot be checked'
  const [payload = '', armor, ...more] = text.split(`\n${SSH_BEGIN}\n`)
  if (armor === undefined) {
    return OTHER.test(text)
      ? 'is signed, but not by an SSH key: OpenPGP and X.509 cannot be checked'
      : 'is not signed'
  }
  if (more.length > 0) return 'has two signatures'
  const blob = parseSshArmor(`${SSH_BEGIN}\n${armor}`)
  const signature = blob === undefined ? undefined : parseSshSignature(blob)
  if (signature === undefined) return 'has a signature that is none of an Ed25519 SSH key'
  const own = encodeSshKey(signature.key)
  const isKnown = keys.some((line) => {
    const key = parseBase64(line.split(' ')[1] ?? '')
    return key !== undefined && equalBytes(key, own)
  })
  if (!isKnown) return 'is signed by a key that the project file does not name'
  const signed = utf8(`${payload}\n`)
  if (!isSshSignatureOf(signature, NAMESPACE, signed, crypto))
    return 'has a signature that is false'
  return refuseContent(`${payload}\n`, name, commit)
}

/** What is signed must be about this tag: the object of another one was signed as well. */
function refuseContent(payload: string, name: string, commit: string): string | undefined {
  const [head = ''] = payload.split('\n\n')
  const [object, type, tag, tagger, ...rest] = head.split('\n')
  if (type !== 'type commit' || tagger?.startsWith('tagger ') !== true || rest.length > 0) {
    return 'is signed, but is not a plain tag of a commit'
  }
  if (tag !== `tag ${name}`) return 'was signed under another name'
  if (object !== `object ${commit}`) return 'was signed for another commit'
  return undefined
}
