/**
 * Why a rebuild gave no image, as a closed list of codes.
 *
 * A failure of class `recipe` is a result: it is signed and published. One of class
 * `infrastructure` says nothing about the recipe: it is retried, and is never a dissent. Where the
 * two cannot be told apart, it is infrastructure. protocol/README.md.
 */
import type { FailureClass, RebuildStage } from '../../protocol/rebuild.ts'

/** Where a failure belongs. A new code does not compile until somebody has decided. */
const FAILURES = {
  'source-url-invalid': { stage: 'source', class: 'infrastructure' },
  'source-not-allowed': { stage: 'source', class: 'infrastructure' },
  'source-fetch-failed': { stage: 'source', class: 'infrastructure' },
  'source-commit-missing': { stage: 'source', class: 'infrastructure' },
  'source-too-large': { stage: 'source', class: 'infrastructure' },
  'source-timeout': { stage: 'source', class: 'infrastructure' },
  'source-disk-full': { stage: 'source', class: 'infrastructure' },
  'source-cancelled': { stage: 'source', class: 'infrastructure' },
  'dockerfile-missing': { stage: 'source', class: 'recipe' },
  'dockerfile-invalid': { stage: 'build', class: 'recipe' },
  'context-missing': { stage: 'source', class: 'recipe' },
  'path-escapes-source': { stage: 'source', class: 'recipe' },
  'recipe-reads-own-image': { stage: 'build', class: 'recipe' },
  'recipe-unresolved-image': { stage: 'build', class: 'recipe' },
  'recipe-local-image': { stage: 'build', class: 'recipe' },
  'recipe-asks-privilege': { stage: 'build', class: 'recipe' },
  'recipe-not-supported': { stage: 'build', class: 'infrastructure' },
  'builder-missing': { stage: 'build', class: 'infrastructure' },
  'recipe-frontend-floating': { stage: 'build', class: 'infrastructure' },
  'builder-unreachable': { stage: 'build', class: 'infrastructure' },
  'builder-differs': { stage: 'build', class: 'infrastructure' },
  'builder-failed': { stage: 'build', class: 'infrastructure' },
  'builder-killed': { stage: 'build', class: 'infrastructure' },
  'base-fetch-failed': { stage: 'build', class: 'infrastructure' },
  'step-failed': { stage: 'build', class: 'recipe' },
  'step-fetch-failed': { stage: 'build', class: 'infrastructure' },
  'build-timeout': { stage: 'build', class: 'infrastructure' },
  'build-cancelled': { stage: 'build', class: 'infrastructure' },
  'out-of-memory': { stage: 'build', class: 'infrastructure' },
  'too-many-processes': { stage: 'build', class: 'infrastructure' },
  'network-limit': { stage: 'build', class: 'infrastructure' },
  'egress-refused': { stage: 'build', class: 'infrastructure' },
  'disk-full': { stage: 'build', class: 'infrastructure' },
  'export-failed': { stage: 'export', class: 'infrastructure' },
} as const satisfies Record<string, { stage: RebuildStage; class: FailureClass }>

export type BuildErrorCode = keyof typeof FAILURES

export class BuildError extends Error {
  override readonly name = 'BuildError'
  readonly code: BuildErrorCode

  /** `message` says in one line what is wrong, where, and what to do. */
  constructor(code: BuildErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options)
    this.code = code
  }

  get stage(): RebuildStage {
    return FAILURES[this.code].stage
  }

  get class(): FailureClass {
    return FAILURES[this.code].class
  }
}

/** Every code, for documentation and tests. */
export const BUILD_ERROR_CODES = Object.keys(FAILURES) as readonly BuildErrorCode[]
