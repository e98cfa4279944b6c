/**
 * The `release` statement: one version of a project, as its announcer says it. protocol/README.md.
 *
 * A release without any manifest digest is *blind*: rebuilders attest before the image is out. A
 * second release that names it in `publishes` adds the digests.
 */
import { parseListedLogs, type ListedLog } from './blind/listed-logs.ts'
import { compareText, type Field } from './field.ts'
import type { Digest, ImageName, KeyHex, Platform, Sid, UnixSeconds } from './identifiers.ts'
import { isCommit, isDigest, isSid } from './identifiers.ts'
import { isImageName } from './image-name.ts'
import type { JsonObject } from './json.ts'
import { isPlatform } from './platform.ts'
import { encodeRecipe, MAX_TIME, parseRecipe, type Recipe } from './recipe.ts'
import { isSourceUrl } from './source-url.ts'
import { commitSubject, manifestSubject, type Subject } from './subject.ts'

const MAX_RELEASE_PLATFORMS = 32

interface ReleaseSource {
  /** `git+https://…` */
  readonly repository: string
  /** 40 or 64 lowercase hex digits. */
  readonly commit: string
  /** Where the commit was found, such as `refs/tags/v1.2.0`. */
  readonly ref: string
}

export interface ReleasePlatform {
  readonly platform: Platform
  /** The manifest that was published; absent in a blind announcement. */
  readonly manifestDigest?: Digest
}

export interface Release {
  readonly kind: 'release'
  readonly image: ImageName
  readonly version: string
  readonly source: ReleaseSource
  readonly recipe: Recipe
  /** At least one, sorted by platform, each platform once. */
  readonly platforms: readonly ReleasePlatform[]
  /** The blind release whose digests this one adds. */
  readonly publishes?: Sid
  /** Where something is published: rebuilders' logs, as far as the announcer had seen them. */
  readonly logs?: readonly ListedLog[]
  readonly announced: UnixSeconds
}

/** What of a release matters to questions about digests of which neither it nor its commit speaks. */
export interface ReleaseOutline extends Pick<
  Release,
  'kind' | 'image' | 'version' | 'platforms' | 'announced'
> {
  readonly source: Pick<ReleaseSource, 'repository' | 'commit'>
}

/** The outline of a release that is stored. */
export interface SignedOutline {
  readonly sid: Sid
  /** That signed it. */
  readonly key: KeyHex
  readonly body: ReleaseOutline
}

export function parseRelease(predicate: Field): Release {
  const platforms = predicate
    .at('platforms')
    .sortedList(MAX_RELEASE_PLATFORMS, parseReleasePlatform, (a, b) =>
      compareText(a.platform, b.platform),
    )
  if (platforms.length === 0) predicate.at('platforms').fail('not-canonical', 'is empty')
  const digests = platforms.flatMap((each) => each.manifestDigest ?? [])
  if (new Set(digests).size < digests.length) {
    predicate.at('platforms').fail('inconsistent', 'one manifest stands for two platforms')
  }
  const publishes = predicate.optional('publishes', (field) =>
    field.spelled(isSid, 'a statement id'),
  )
  if (publishes !== undefined && digests.length === 0) {
    predicate.at('publishes').fail('inconsistent', 'no digest is published')
  }
  const logs = predicate.optional('logs', parseListedLogs)
  if (logs !== undefined && digests.length === 0) {
    predicate.at('logs').fail('inconsistent', 'no digest is published')
  }
  return {
    kind: 'release',
    image: predicate.at('image').spelled(isImageName, 'an image name (host/path)'),
    version: predicate.at('version').spelled(isVersion, 'a version without spaces', 128),
    source: parseReleaseSource(predicate.at('source')),
    recipe: parseRecipe(predicate.at('recipe')),
    platforms,
    ...(publishes === undefined ? {} : { publishes }),
    ...(logs === undefined ? {} : { logs }),
    announced: predicate.at('announced').integer(0, MAX_TIME),
  }
}

export function encodeRelease(release: Release): JsonObject {
  const { image, version, source, recipe, platforms, publishes, logs, announced } = release
  return {
    image,
    version,
    source: { repository: source.repository, commit: source.commit, ref: source.ref },
    recipe: encodeRecipe(recipe),
    platforms: platforms.map((each) => ({ ...each })),
    ...(publishes === undefined ? {} : { publishes }),
    ...(logs === undefined ? {} : { logs: logs.map((each) => ({ ...each })) }),
    announced,
  }
}

/** The published manifests, or the commit when there are none. */
export function releaseSubjects(release: Release): Subject[] {
  const published = release.platforms.flatMap(({ manifestDigest }) =>
    manifestDigest === undefined ? [] : [manifestSubject(release.image, manifestDigest)],
  )
  return published.length > 0 ? published : [commitSubject(release.image, release.source.commit)]
}

function parseReleaseSource(field: Field): ReleaseSource {
  return {
    repository: field.at('repository').spelled(isSourceUrl, 'a git+https:// address'),
    commit: field.at('commit').spelled(isCommit, 'a whole commit id in hex'),
    ref: field.at('ref').text(256),
  }
}

function parseReleasePlatform(field: Field): ReleasePlatform {
  const manifestDigest = field.optional('manifestDigest', (each) =>
    each.spelled(isDigest, 'a sha256 digest'),
  )
  return {
    platform: field.at('platform').spelled(isPlatform, 'a platform (os/arch[/variant])'),
    ...(manifestDigest === undefined ? {} : { manifestDigest }),
  }
}

/** Versions appear in IMAGE@VERSION on command lines. */
function isVersion(text: string): boolean {
  return !/[\p{Cc}\p{Z}]/u.test(text)
}
