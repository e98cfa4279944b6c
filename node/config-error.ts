/** What is wrong with what the user configured or asked for: one line that says what, where, what to do. */

export type ConfigErrorCode =
  | 'syntax'
  | 'unknown-key'
  | 'bad-value'
  | 'newer-format'
  | 'no-data-folder'
  | 'data-folder-exists'
  | 'not-followed'
  | 'not-found'
  | 'ambiguous'
  | 'refused'

export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly code: ConfigErrorCode

  constructor(code: ConfigErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
