/** The `release` statement: one version of a project, as its announcer says it. design.md section 4. */
import type { Digest, ImageName, Platform, Sid, UnixSeconds } from './identifiers.ts'
import type { Recipe } from './recipe.ts'

export interface ReleaseSource {
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
  readonly announced: UnixSeconds
}
