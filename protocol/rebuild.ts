/**
 * The `rebuild` statement: what one operator got for one build input, good or bad.
 *
 * What can be checked without knowing the release is checked here: digests carry the statement's
 * own profile, and the subject is the published manifest or the commit. The rest is
 * checkRebuildAgainstRelease. protocol/README.md.
 */
import { parseAfter, parseReveal, type Reveal } from './blind/reveal.ts'
import { utf8 } from './bytes.ts'
import { compareText, type Field } from './field.ts'
import type {
  Digest,
  ImageName,
  InputDigest,
  Platform,
  ProfileDigest,
  Sid,
  UnixSeconds,
} from './identifiers.ts'
import { isCommit, isDigest, isInputDigest, isSid } from './identifiers.ts'
import { isImageName } from './image-name.ts'
import type { JsonObject } from './json.ts'
import {
  isListedPath,
  MAX_LISTED_PATH_BYTES,
  MAX_LISTED_PATHS,
  MAX_PATH_BYTES,
} from './listed-path.ts'
import { isPlatform } from './platform.ts'
import { isDigestOfProfile, parseProfileId } from './profile-id.ts'
import { MAX_TIME } from './recipe.ts'
import { commitSubject, manifestSubject, type Subject } from './subject.ts'

const MAX_MATERIALS_BYTES = 8 * 1024
const MAX_SUPERSEDES = 64

/** A digest of one level, or the normalization code that stands in its place. */
export type LevelDigest = ProfileDigest | { readonly error: string }

/** One image at the three levels. `manifestDigest` is `exact`. */
export interface ImageDigests {
  readonly manifestDigest: Digest
  readonly normalizedDigest: LevelDigest
  readonly rootfsDigest: LevelDigest
}

const REBUILD_STAGES = ['source', 'build', 'export', 'normalize'] as const
export type RebuildStage = (typeof REBUILD_STAGES)[number]
const FAILURE_CLASSES = ['recipe', 'infrastructure'] as const
export type FailureClass = (typeof FAILURE_CLASSES)[number]

export type Outcome =
  | { readonly kind: 'built'; readonly rebuilt: ImageDigests }
  /** Two cold builds of one machine that differ. */
  | { readonly kind: 'unstable'; readonly rebuilt: readonly [ImageDigests, ImageDigests] }
  | { readonly kind: 'failed'; readonly stage: RebuildStage; readonly class: FailureClass }

/** The published image as this node itself fetched and normalized it. */
export type PublishedImage =
  | ImageDigests
  /** It could be fetched and has no normalized digest at all, for this reason. */
  | { readonly error: string }
  | { readonly unfetched: true }

export interface Differences {
  /** How many paths differ. */
  readonly count: number
  /** The first 20 of them, escaped. */
  readonly paths: readonly string[]
}

export interface RebuildEnvironment {
  readonly builder: string
  readonly builderVersion: string
  readonly kernel: string
  readonly cpu: string
  readonly emulated: boolean
}

export interface Material {
  readonly uri: string
  readonly digest: Digest
}

export interface Rebuild {
  readonly kind: 'rebuild'
  readonly image: ImageName
  readonly release: Sid
  readonly inputDigest: InputDigest
  /** The source commit that was built: the subject where nothing is published yet. */
  readonly commit: string
  readonly platform: Platform
  /** Profile id, such as `rebuildnet/1`. */
  readonly profile: string
  readonly outcome: Outcome
  /** Digest of the published manifest that the subject names; absent for a blind release. */
  readonly publishedDigest?: Digest
  readonly published: PublishedImage
  readonly differences?: Differences
  readonly environment: RebuildEnvironment
  readonly materials: readonly Material[]
  /** sha256 of the build log. */
  readonly logDigest?: Digest
  readonly started: UnixSeconds
  readonly finished: UnixSeconds
  /** Own earlier results on the same input that this one takes the place of. */
  readonly supersedes: readonly Sid[]
  /** The own commitment that this result opens: protocol/blind/README.md. */
  readonly reveals?: Reveal
  /** Commitments of others on the same input that were there before this was said. */
  readonly after?: readonly Sid[]
  /** The own blind result to which this one adds what was published: both stand. */
  readonly completes?: Sid
}

export function parseRebuild(predicate: Field): Rebuild {
  const profile = parseProfileId(predicate.at('profile'))
  const outcome = parseOutcome(predicate.at('outcome'), profile)
  const publishedDigest = predicate.optional('publishedDigest', digest)
  const published = parsePublished(predicate.at('published'), profile, publishedDigest)
  const differences = predicate.optional('differences', parseDifferences)
  checkDifferences(predicate, outcome, published, differences)
  const logDigest = predicate.optional('logDigest', digest)
  const reveals = predicate.optional('reveals', parseReveal)
  const after = predicate.optional('after', parseAfter)
  const completes = predicate.optional('completes', (field) =>
    field.spelled(isSid, 'a statement id'),
  )
  if (completes !== undefined && publishedDigest === undefined) {
    predicate.at('completes').fail('inconsistent', 'adds nothing: there is no publishedDigest')
  }
  const started = predicate.at('started').integer(0, MAX_TIME)
  return {
    kind: 'rebuild',
    image: predicate.at('image').spelled(isImageName, 'an image name (host/path)'),
    release: predicate.at('release').spelled(isSid, 'a statement id'),
    inputDigest: predicate.at('inputDigest').spelled(isInputDigest, '64 hex digits'),
    commit: predicate.at('commit').spelled(isCommit, 'a whole commit id in hex'),
    platform: predicate.at('platform').spelled(isPlatform, 'a platform (os/arch[/variant])'),
    profile,
    outcome,
    ...(publishedDigest === undefined ? {} : { publishedDigest }),
    published,
    ...(differences === undefined ? {} : { differences }),
    environment: parseEnvironment(predicate.at('environment')),
    materials: predicate
      .at('materials')
      .within(MAX_MATERIALS_BYTES)
      .sortedList(256, parseMaterial, compareMaterials),
    ...(logDigest === undefined ? {} : { logDigest }),
    started,
    finished: predicate.at('finished').integer(started, MAX_TIME),
    supersedes: predicate
      .at('supersedes')
      .sortedList(MAX_SUPERSEDES, (each) => each.spelled(isSid, 'a statement id'), compareText),
    ...(reveals === undefined ? {} : { reveals }),
    ...(after === undefined ? {} : { after }),
    ...(completes === undefined ? {} : { completes }),
  }
}

/** Materials, superseded results and commitments are sets: they are written sorted, each once. */
export function encodeRebuild(rebuild: Rebuild): JsonObject {
  const { kind: _kind, materials, supersedes, after, ...rest } = rebuild
  const predicate = {
    ...rest,
    materials: sortedSet(materials, compareMaterials),
    supersedes: sortedSet(supersedes, compareText),
    ...(after === undefined ? {} : { after: sortedSet(after, compareText) }),
  }
  // Only readonly strings, integers, arrays and objects of these: all of it is JSON.
  return predicate as unknown as JsonObject
}

function sortedSet<T>(items: readonly T[], compare: (a: T, b: T) => number): T[] {
  return items
    .toSorted(compare)
    .filter((item, i, sorted) => i === 0 || compare(sorted[i - 1] as T, item) !== 0)
}

/** The published manifest, or the commit where nothing is published yet. */
export function rebuildSubjects(rebuild: Rebuild): Subject[] {
  return [
    rebuild.publishedDigest === undefined
      ? commitSubject(rebuild.image, rebuild.commit)
      : manifestSubject(rebuild.image, rebuild.publishedDigest),
  ]
}

function compareMaterials(a: Material, b: Material): number {
  return compareText(a.uri, b.uri) || compareText(a.digest, b.digest)
}

function digest(field: Field): Digest {
  return field.spelled(isDigest, 'a sha256 digest')
}

function parseOutcome(field: Field, profile: string): Outcome {
  const kind = field.at('kind').oneOf(['built', 'unstable', 'failed'])
  if (kind === 'failed') {
    return {
      kind,
      stage: field.at('stage').oneOf(REBUILD_STAGES),
      class: field.at('class').oneOf(FAILURE_CLASSES),
    }
  }
  const rebuilt: Field = field.at('rebuilt')
  if (kind === 'built') return { kind, rebuilt: parseImageDigests(rebuilt, profile) }
  const [first, second, ...more] = rebuilt.list(2)
  if (first === undefined || second === undefined || more.length > 0) {
    rebuilt.fail('inconsistent', 'an unstable rebuild has the digests of exactly two builds')
  }
  const pair = [parseImageDigests(first, profile), parseImageDigests(second, profile)] as const
  if (pair[0].manifestDigest === pair[1].manifestDigest) {
    rebuilt.fail('inconsistent', 'an unstable rebuild has two builds that differ')
  }
  return { kind, rebuilt: pair }
}

function parseImageDigests(field: Field, profile: string): ImageDigests {
  return {
    manifestDigest: digest(field.at('manifestDigest')),
    normalizedDigest: parseLevelDigest(field.at('normalizedDigest'), profile),
    rootfsDigest: parseLevelDigest(field.at('rootfsDigest'), profile),
  }
}

function parseLevelDigest(field: Field, profile: string): LevelDigest {
  if (typeof field.value !== 'string') return { error: parseErrorCode(field.at('error')) }
  return field.spelled((text) => isDigestOfProfile(text, profile), `a digest of ${profile}`)
}

/** A code of the profile; which codes there are is the profile's matter. */
function parseErrorCode(field: Field): string {
  return field.spelled((text) => /^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(text), 'an error code', 64)
}

function parsePublished(field: Field, profile: string, publishedDigest?: Digest): PublishedImage {
  if (field.at('unfetched').value !== undefined) {
    if (!field.at('unfetched').boolean()) field.at('unfetched').fail('not-canonical', 'is not true')
    return { unfetched: true }
  }
  if (publishedDigest === undefined) {
    field.fail('inconsistent', 'nothing is published, so it must be {"unfetched": true}')
  }
  if (field.at('error').value !== undefined) return { error: parseErrorCode(field.at('error')) }
  const digests = parseImageDigests(field, profile)
  if (digests.manifestDigest !== publishedDigest) {
    field.at('manifestDigest').fail('inconsistent', 'is not publishedDigest')
  }
  return digests
}

function parseDifferences(field: Field): Differences {
  const paths = field.at('paths')
  const listed = paths.list(MAX_LISTED_PATHS).map((each) => {
    const path = each.string(MAX_PATH_BYTES)
    if (!isListedPath(path)) each.fail('not-canonical', 'is not a path escaped with %XX')
    return path
  })
  if (new Set(listed).size < listed.length) paths.fail('not-sorted', 'lists a path twice')
  if (utf8(listed.join('')).length > MAX_LISTED_PATH_BYTES) {
    paths.fail('too-long', `has more than ${MAX_LISTED_PATH_BYTES} bytes in all`)
  }
  return {
    count: field.at('count').integer(Math.max(1, listed.length), Number.MAX_SAFE_INTEGER),
    paths: listed,
  }
}

/** Differences are between two images that are not the same, so there must be two. */
function checkDifferences(
  predicate: Field,
  outcome: Outcome,
  published: PublishedImage,
  differences: Differences | undefined,
): void {
  if (differences === undefined) return
  const comparable =
    outcome.kind === 'built' &&
    'manifestDigest' in published &&
    outcome.rebuilt.manifestDigest !== published.manifestDigest
  if (!comparable) {
    predicate.at('differences').fail('inconsistent', 'there are not two images that differ')
  }
}

function parseEnvironment(field: Field): RebuildEnvironment {
  return {
    builder: field.at('builder').text(64),
    builderVersion: field.at('builderVersion').text(128),
    kernel: field.at('kernel').text(256),
    cpu: field.at('cpu').text(256),
    emulated: field.at('emulated').boolean(),
  }
}

function parseMaterial(field: Field): Material {
  return { uri: field.at('uri').text(1024), digest: digest(field.at('digest')) }
}
