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
  /** The same, a name or an index for each level: names may have dots. */
  readonly path: readonly (string | number)[]
  /** Line of the file, from 1, where it is known. */
  readonly line: number | undefined

  /** What is wrong, without where. */
  readonly #what: string

  constructor(
    code: ProjectErrorCode,
    path: readonly (string | number)[],
    what: string,
    where: { readonly file?: string; readonly line?: number | undefined } = {},
  ) {
    const { file, line } = where
    const place = [file ?? [], line ?? []].flat().join(':')
    super(place === '' ? what : `${place}: ${what}`)
    this.code = code
    this.path = path
    this.key = path.join('.')
    this.line = line
    this.#what = what
  }

  /** The same, with the file that it is about and the line of it. */
  in(file: string, line: number | undefined): ProjectError {
    return new ProjectError(this.code, this.path, this.#what, { file, line })
  }
}
