/** What a command cannot do because of how it was called. */

export type CliErrorCode =
  'usage' | 'file' | 'not-a-terminal' | 'needs-running-node' | 'connection-lost' | 'not-available'

export class CliError extends Error {
  override readonly name = 'CliError'
  readonly code: CliErrorCode

  constructor(code: CliErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
