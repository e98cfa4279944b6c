/**
 * Outlines of releases: what a verdict must know of each release of an image, without its statement.
 * Derived like every index, and checked like one; a release whose votes matter is read itself.
 */
import { decodeUtf8, utf8 } from '../../protocol/bytes.ts'
import type {
  Digest,
  ImageName,
  KeyHex,
  Platform,
  UnixSeconds,
} from '../../protocol/identifiers.ts'
import type { Release, SignedOutline } from '../../protocol/release.ts'
import { parseChecked } from './checked.ts'
import type { Database } from './database.ts'
import { lastSid, outlineRange } from './keys.ts'
import { damagedIndex } from './store-error.ts'

type Fields = readonly [
  key: KeyHex,
  version: string,
  announced: UnixSeconds,
  repository: string,
  commit: string,
  platforms: readonly (readonly [Platform] | readonly [Platform, Digest])[],
]

export function encodeOutline(key: KeyHex, release: Release): Uint8Array {
  const { version, announced, source, platforms } = release
  const fields: Fields = [
    ...([key, version, announced, source.repository, source.commit] as const),
    platforms.map(({ platform, manifestDigest: digest }) =>
      digest === undefined ? [platform] : [platform, digest],
    ),
  ]
  return utf8(JSON.stringify(fields))
}

/** Of every release of an image, in the order of their sids. Throws StoreError. */
export async function readOutlines(
  database: Database,
  image: ImageName,
): Promise<readonly SignedOutline[]> {
  const outlines: SignedOutline[] = []
  // Most have the same signer and source: one text serves for all.
  const texts = new Map<string, string>()
  const shared = (text: string): string => {
    const known = texts.get(text)
    if (known === undefined) texts.set(text, text)
    return known ?? text
  }
  for await (const entries of database.scan(outlineRange(image))) {
    for (const [entry, value] of entries) {
      const payload = parseChecked(entry, value)
      const text = payload && decodeUtf8(payload)
      if (text === undefined) throw damagedIndex('outlines', database.directory)
      const [key, version, announced, repository, commit, platforms] = JSON.parse(text) as Fields
      outlines.push({
        sid: lastSid(entry),
        key: shared(key),
        body: {
          ...{ kind: 'release', image, version, announced },
          source: { repository: shared(repository), commit },
          platforms: platforms.map(([platform, manifestDigest]) =>
            manifestDigest === undefined
              ? { platform: shared(platform) }
              : { platform: shared(platform), manifestDigest },
          ),
        },
      })
    }
  }
  return outlines
}
