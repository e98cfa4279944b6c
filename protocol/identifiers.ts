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
