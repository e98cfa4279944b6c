/** The names by which things are told apart. All are plain strings in one canonical spelling. */

/** Statement id: 64 lowercase hex digits. */
export type Sid = string
/** An Ed25519 public key: 64 lowercase hex digits. */
export type KeyHex = string
/** `op1` and 52 characters of lowercase base32. */
export type OperatorId = string
/** `sha256:` and 64 lowercase hex digits: digest of stored bytes. */
export type Digest = string
/** A digest under a profile: `rebuildnet/1:sha256:<hex>`. */
export type ProfileDigest = string
/** sha256 of the canonical build input: 64 lowercase hex digits. */
export type InputDigest = string
/** `os/arch[/variant]`, arm64 without `v8`. */
export type Platform = string
/** `host/path`, lower case, no tag and no digest. */
export type ImageName = string
/** Whole seconds since 1970. */
export type UnixSeconds = number

const HEX_64 = /^[0-9a-f]{64}$/

export function isSid(text: string): boolean {
  return HEX_64.test(text)
}

export function isKeyHex(text: string): boolean {
  return HEX_64.test(text)
}

export function isInputDigest(text: string): boolean {
  return HEX_64.test(text)
}

export function isOperatorId(text: string): boolean {
  // 52 characters hold 260 bits: the last one has only its first bit free.
  return /^op1[a-z2-7]{51}[aq]$/.test(text)
}

export function isDigest(text: string): boolean {
  return text.startsWith('sha256:') && HEX_64.test(text.slice(7))
}

/** A git object name of either hash. */
export function isCommit(text: string): boolean {
  return /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(text)
}
