/** What is wrong with an object of a tree that somebody sent. */
export type TreeObjectErrorCode =
  /** It does not hash to what was asked for. */
  | 'hash'
  /** It does, and is nothing that an image of this profile can hold. */
  | 'malformed'
  /** The tree is deeper than any that has a digest. */
  | 'too-deep'
  /** More differs than may be fetched or compared: the images have to be compared whole. */
  | 'too-much'

export class TreeObjectError extends Error {
  override readonly name = 'TreeObjectError'
  readonly code: TreeObjectErrorCode

  constructor(code: TreeObjectErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
