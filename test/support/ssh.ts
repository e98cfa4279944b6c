/** SSH keys and signatures made without OpenSSH, of plain keys and of security keys. */
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import type { SigningKey } from '../../node/crypto/signing-key.ts'
import { encodeSshKey, type SshKey } from '../../protocol/ssh-key.ts'
import { encodeSshSignature, signedBytes } from '../../protocol/ssh-signature.ts'
import { sshUint32 } from '../../protocol/ssh-wire.ts'
import type { RootKey } from '../../protocol/root-key.ts'

const bytesOf = (key: SigningKey) => Uint8Array.from(Buffer.from(key.publicKey, 'hex'))

export function sshKeyOf(key: SigningKey): SshKey {
  return { type: 'ssh-ed25519', publicKey: bytesOf(key) }
}

/** The public part that a security key with this secret would have. */
export function securityKeyOf(key: SigningKey, application = 'ssh:'): SshKey {
  return { type: 'sk-ssh-ed25519@openssh.com', publicKey: bytesOf(key), application }
}

export function rootKeyOf(key: SshKey): RootKey {
  return { type: key.type, key: Buffer.from(encodeSshKey(key)).toString('base64') }
}

export interface SshSignOptions {
  readonly namespace?: string
  readonly hash?: 'sha256' | 'sha512'
  readonly flags?: number
  readonly counter?: number
}

/** An SSHSIG over `message`, in its binary form. */
export function signSsh(
  secret: SigningKey,
  key: SshKey,
  message: Uint8Array,
  options: SshSignOptions = {},
): Uint8Array {
  const { namespace = 'rebuildnet-card/1', hash = 'sha512', flags = 1, counter = 7 } = options
  const reserved = new Uint8Array()
  const signed = signedBytes({ namespace, reserved, hash }, message, nodeCrypto)
  const plain = { key, namespace, reserved, hash }
  if (key.application === undefined) {
    return encodeSshSignature({ ...plain, signature: secret.sign(signed) })
  }
  const bySecurityKey = Buffer.concat([
    nodeCrypto.sha256(Buffer.from(key.application)),
    Buffer.of(flags),
    sshUint32(counter),
    nodeCrypto.sha256(signed),
  ])
  const signature = secret.sign(bySecurityKey)
  return encodeSshSignature({ ...plain, signature, touch: { flags, counter } })
}
