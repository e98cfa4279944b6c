/** The `rebuild` statement: what one operator got for one build input. design.md section 4. */
import type {
  Digest,
  ImageName,
  InputDigest,
  Platform,
  ProfileDigest,
  Sid,
  UnixSeconds,
} from './identifiers.ts'

/** A digest of one level, or the normalization code that stands in its place. */
export type LevelDigest = ProfileDigest | { readonly error: string }

/** One image at the three levels. `manifestDigest` is `exact`. */
export interface ImageDigests {
  readonly manifestDigest: Digest
  readonly normalizedDigest: LevelDigest
  readonly rootfsDigest: LevelDigest
}

export type RebuildStage = 'source' | 'build' | 'export' | 'normalize'
export type FailureClass = 'recipe' | 'infrastructure'

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
}
