/**
 * The digest of a build input: all that determines the output for one platform, and so what votes
 * are about.
 *
 *   inputDigest = hex(sha256("rebuildnet/input/1\0" | J))
 *
 * J is the RFC 8785 JSON of {commit, image, platform, recipe, source}. protocol/README.md.
 */
import { concat, toHex, utf8 } from './bytes.ts'
import { canonicalJson } from './canonical-json.ts'
import type { Crypto } from './crypto.ts'
import type { ImageName, InputDigest, Platform } from './identifiers.ts'
import { encodeRecipe, type Recipe } from './recipe.ts'
import type { Release } from './release.ts'

const DOMAIN = utf8('rebuildnet/input/1\0')

export interface BuildInput {
  readonly commit: string
  readonly image: ImageName
  readonly platform: Platform
  readonly recipe: Recipe
  /** Address of the source repository. */
  readonly source: string
}

/** The build input of one platform of a release. */
export function buildInputOf(release: Release, platform: Platform): BuildInput {
  return {
    commit: release.source.commit,
    image: release.image,
    platform,
    recipe: release.recipe,
    source: release.source.repository,
  }
}

/** J: the canonical JSON of a build input. */
export function encodeBuildInput(input: BuildInput): string {
  const { commit, image, platform, recipe, source } = input
  return canonicalJson({ commit, image, platform, recipe: encodeRecipe(recipe), source })
}

const known = new WeakMap<Release, Map<Platform, InputDigest>>()

/** That of one platform of a release, worked out once: it is asked for with every vote. */
export function inputDigestIn(release: Release, platform: Platform, crypto: Crypto): InputDigest {
  const digests = known.get(release) ?? new Map<Platform, InputDigest>()
  known.set(release, digests)
  const digest = digests.get(platform) ?? inputDigestOf(buildInputOf(release, platform), crypto)
  digests.set(platform, digest)
  return digest
}

export function inputDigestOf(input: BuildInput, crypto: Crypto): InputDigest {
  return toHex(crypto.sha256(concat(DOMAIN, utf8(encodeBuildInput(input)))))
}
