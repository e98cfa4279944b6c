/** Why a project file is refused, or a recipe cannot be made from it: closed codes, and the key. */

export type ProjectErrorCode =
  | 'unknown-key'
  | 'missing-key'
  | 'wrong-type'
  | 'bad-value'
  | 'newer-format'
  /** A value refers to something that is not there. */
  | 'unresolved'
  /** A resolved value does not match the pattern that the project file gives for it. */
  | 'pattern-mismatch'

export class ProjectError extends Error {
  override readonly name = 'ProjectError'
  readonly code: ProjectErrorCode
  /** The key at fault, such as `recipe.build_args.DATE`; empty for the whole file. */
  readonly key: string

  constructor(code: ProjectErrorCode, key: string, message: string) {
    super(message)
    this.code = code
    this.key = key
  }
}
