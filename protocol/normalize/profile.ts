/**
 * What a digest ignores, and the name that says so.
 *
 * The id is hashed into every node of every tree, so one set of exclusions has one spelling:
 * `rebuildnet/1`, then sorted, distinct `;key=value` parameters.
 */
import type { ByteString } from './byte-string.ts'

export interface Profile {
  readonly id: string
  /** Canonical paths of files whose size and content do not count. */
  readonly drop: ReadonlySet<ByteString>
  /** Keys of config labels that do not count. */
  readonly ignoreLabels: ReadonlySet<string>
  /** Where defined, mtimes count, as the smaller of this and their whole seconds. */
  readonly mtimeClamp: number | undefined
  /** Names of extended attributes that do not count. */
  readonly ignoreXattrs: ReadonlySet<ByteString>
}

export const DEFAULT_PROFILE: Profile = Object.freeze({
  id: 'rebuildnet/1',
  drop: new Set<ByteString>(),
  ignoreLabels: new Set<string>(),
  mtimeClamp: undefined,
  ignoreXattrs: new Set<ByteString>(),
})

/** Throws NormalizeError `profile-unknown` or `profile-syntax`. */
export function parseProfile(id: string): Profile {
  if (id === DEFAULT_PROFILE.id) return DEFAULT_PROFILE
  throw new Error('unfinished')
}
