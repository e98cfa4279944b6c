/**
 * The votes of one cell at one level, and what they say of digest D. protocol/verdict/README.md.
 *
 * A vote is what an operator's own builds gave; a mapping is what it says that D itself gives. An
 * image is reproduced only where both are the same: agreement among rebuilders says nothing about
 * D, and a normalized D says nothing about the source.
 */
import type { Digest, OperatorId } from '../identifiers.ts'
import type { Level, PolicyRules } from '../policy.ts'
import type { ImageDigests, LevelDigest, Rebuild } from '../rebuild.ts'
import type { Ballot } from './ballots.ts'

/** One or several values by their text, so that equal ones meet. */
export type Values = ReadonlyMap<string, LevelDigest>

export interface Tally {
  readonly level: Level
  /** Of each operator whose builds gave something: two values are a self-conflict. */
  readonly votes: ReadonlyMap<OperatorId, Values>
  /** digest -> operators whose one vote it is, and who may support. */
  readonly support: ReadonlyMap<string, readonly OperatorId[]>
  /** What each operator says of D; none where it says two things. */
  readonly maps: ReadonlyMap<OperatorId, LevelDigest>
  /** digest or error -> operators that say it of D. */
  readonly mapped: ReadonlyMap<string, readonly OperatorId[]>
}

export function digestAt(level: Level, digests: ImageDigests): LevelDigest {
  if (level === 'exact') return digests.manifestDigest
  return level === 'normalized' ? digests.normalizedDigest : digests.rootfsDigest
}

export function valueText(value: LevelDigest): string {
  return typeof value === 'string' ? value : `error ${value.error}`
}

/** What a rebuild says that D gives at a level. */
export function saidOf(digest: Digest, level: Level, rebuild: Rebuild): LevelDigest | undefined {
  const { published, publishedDigest } = rebuild
  if (publishedDigest !== digest) return undefined
  // D is its own digest bit for bit, fetched or not.
  if (level === 'exact') return digest
  if ('unfetched' in published) return undefined
  return 'error' in published ? published : digestAt(level, published)
}

export function tallyAt(level: Level, ballots: readonly Ballot[], digest: Digest): Tally {
  const votes = new Map<OperatorId, Values>()
  const maps = new Map<OperatorId, LevelDigest>()
  const support = new Map<string, OperatorId[]>()
  const mapped = new Map<string, OperatorId[]>()
  for (const { operator, muted, results } of ballots) {
    const own = new Map<string, LevelDigest>()
    const said = new Map<string, LevelDigest>()
    let supports = false
    for (const { body, current } of results) {
      const speaks = current && !muted
      const about = speaks ? saidOf(digest, level, body) : undefined
      if (about !== undefined) said.set(valueText(about), about)
      if (body.outcome.kind !== 'built') continue
      const value = digestAt(level, body.outcome.rebuilt)
      own.set(valueText(value), value)
      supports ||= speaks
    }
    if (own.size > 0) votes.set(operator, own)
    const vote = only(own)
    if (supports && typeof vote === 'string') append(support, vote, operator)
    const mapping = only(said)
    if (mapping !== undefined) {
      maps.set(operator, mapping)
      append(mapped, valueText(mapping), operator)
    }
  }
  return { level, votes, support, maps, mapped }
}

/** Operators whose builds gave something else: another digest, an error, or two things. */
export function dissentersFrom(digest: string, tally: Tally): OperatorId[] {
  return [...tally.votes]
    .filter(([, values]) => values.size > 1 || !values.has(digest))
    .map(([operator]) => operator)
}

/** Operators that vote `digest` and say that D is it. */
export function supportersOf(digest: string, tally: Tally): OperatorId[] {
  return (tally.support.get(digest) ?? []).filter((operator) => tally.maps.get(operator) === digest)
}

/** Operators that report their two cold builds to differ, or the recipe to fail. */
export function unreproducedBy(ballots: readonly Ballot[]): OperatorId[] {
  return ballots
    .filter(({ results }) => results.some(({ body }) => body.outcome.kind !== 'built'))
    .map(({ operator }) => operator)
}

/** The digest that D is reproduced as at this level, if it is. */
export function reproducedAs(
  tally: Tally,
  rules: PolicyRules,
  unreproduced: number,
): string | undefined {
  const { threshold, maxDissent, countUnstable } = rules
  // As d < k, no two digests can both pass.
  return [...tally.support.keys()].find(
    (digest) =>
      supportersOf(digest, tally).length >= threshold &&
      dissentersFrom(digest, tally).length <= maxDissent &&
      (!countUnstable || (tally.support.get(digest) ?? []).length > unreproduced),
  )
}

/** The digest that the rebuilders agree on while the registry holds something else, if so. */
export function contradictedBy(tally: Tally, { threshold }: PolicyRules): string | undefined {
  const found = [...tally.mapped].filter(([, operators]) => operators.length >= threshold)
  return strongest(
    [...tally.support.keys()].filter(
      (digest) =>
        (tally.support.get(digest) ?? []).length >= threshold &&
        found.some(([value]) => value !== digest),
    ),
    tally,
  )
}

export function isDiverged(tally: Tally, { maxDissent }: PolicyRules): boolean {
  const digests = [...tally.support.keys()]
  return (
    digests.length > 0 &&
    // Against a digest that nobody votes for there is more dissent still.
    digests.every((digest) => dissentersFrom(digest, tally).length > maxDissent)
  )
}

/** The digest with the most behind it; of equals the first in text order. */
export function strongest(digests: readonly string[], tally: Tally): string | undefined {
  const weight = (digest: string): readonly [number, number] => [
    supportersOf(digest, tally).length,
    (tally.support.get(digest) ?? []).length,
  ]
  return digests.toSorted((a, b) => {
    const [mappedA, votesA] = weight(a)
    const [mappedB, votesB] = weight(b)
    return mappedB - mappedA || votesB - votesA || (a < b ? -1 : 1)
  })[0]
}

function only(values: Values): LevelDigest | undefined {
  const [first, ...others] = values.values()
  return others.length === 0 ? first : undefined
}

function append(index: Map<string, OperatorId[]>, key: string, operator: OperatorId): void {
  const operators = index.get(key) ?? []
  operators.push(operator)
  index.set(key, operators)
}
