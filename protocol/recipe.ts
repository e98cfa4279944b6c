/**
 * How an image is rebuilt. The schema is closed: an unknown field is an error, since a node that
 * ignored it would build something else under the same input digest. design.md section 9.
 */

export const BUILDER_NAMES = ['buildah', 'buildkit', 'command', 'docker', 'podman'] as const
export type BuilderName = (typeof BUILDER_NAMES)[number]

/** One builder that the recipe allows. */
export interface BuilderPin {
  readonly name: BuilderName
  /** Version or version prefix that must run, such as `1.28`; any where absent. */
  readonly version?: string
  /** Image of the builder, pinned by digest (`moby/buildkit@sha256:…`). */
  readonly image?: string
}

/**
 * A recipe as a release carries it: literals only. Absent fields are absent, never null.
 * Keys and values are ASCII keys with UTF-8 string values.
 */
export interface Recipe {
  /** At least one, sorted by name, each name once. */
  readonly builders: readonly BuilderPin[]
  /** Path of the Dockerfile in the source, relative, without `..`. */
  readonly dockerfile: string
  /** Path of the build context in the source, relative, `.` for the whole. */
  readonly context: string
  /** Stage to build; the last one where absent. */
  readonly target?: string
  readonly buildArgs?: Readonly<Record<string, string>>
  /** Seconds since 1970. */
  readonly sourceDateEpoch?: number
  /** Annotations that the build puts on the manifest. */
  readonly annotations?: Readonly<Record<string, string>>
  /** What RUN steps may reach; `none` where absent is NOT implied: absent means `default`. */
  readonly network?: 'none' | 'default'
  /** Options of the builder's exporter, such as `rewrite-timestamp`. */
  readonly exporter?: Readonly<Record<string, string>>
}

/** Votes on recipes with several builders meet at the `rootfs` level. */
export function allowsSeveralBuilders(recipe: Recipe): boolean {
  return recipe.builders.length > 1
}
