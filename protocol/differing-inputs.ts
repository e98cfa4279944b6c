/**
 * Which inputs of a build were not the same for everybody who built it.
 *
 * Two results on one build input can still have read different bytes under one name: a base that a
 * tag names, an archive whose index a mirror served late. What somebody has not recorded says
 * nothing: builders see different things of what they read.
 */
import type { Digest } from './identifiers.ts'
import type { Material } from './rebuild.ts'

/** What one party read, by its name. */
export interface RecordedInputs {
  readonly who: string
  readonly materials: readonly Material[]
}

export interface DifferingInput {
  readonly uri: string
  /** What it was, and for whom; sorted, at least two. */
  readonly versions: readonly {
    readonly digests: readonly Digest[]
    readonly who: readonly string[]
  }[]
}

/** Sorted by uri. A party may have read several digests under one name: they are compared as a set. */
export function differingInputs(parties: readonly RecordedInputs[]): readonly DifferingInput[] {
  const byUri = new Map<string, Map<string, Set<string>>>()
  for (const { who, materials } of parties) {
    for (const [uri, digests] of digestsByUri(materials)) {
      const versions = byUri.get(uri) ?? new Map<string, Set<string>>()
      const version = digests.join(' ')
      versions.set(version, (versions.get(version) ?? new Set()).add(who))
      byUri.set(uri, versions)
    }
  }
  return [...byUri]
    .filter(([, versions]) => versions.size > 1)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([uri, versions]) => ({
      uri,
      versions: [...versions]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([version, who]) => ({ digests: version.split(' '), who: [...who].sort() })),
    }))
}

function digestsByUri(materials: readonly Material[]): Map<string, Digest[]> {
  const found = new Map<string, Set<Digest>>()
  for (const { uri, digest } of materials) {
    found.set(uri, (found.get(uri) ?? new Set()).add(digest))
  }
  return new Map([...found].map(([uri, digests]) => [uri, [...digests].sort()]))
}
