/** What can go wrong in serving the API itself, as against in what it serves. */

export type HttpErrorCode =
  | 'bad-request'
  | 'not-found'
  | 'forbidden-host'
  | 'forbidden-origin'
  | 'token-required'
  | 'unsupported-media-type'
  | 'body-too-large'
  | 'timeout'
  | 'too-many-streams'
  | 'needs-running-node'
  | 'stopping'
  | 'port-in-use'
  | 'bad-address'
  | 'socket-in-use'
  | 'socket-path-too-long'

export class HttpError extends Error {
  override readonly name = 'HttpError'
  readonly code: HttpErrorCode

  constructor(code: HttpErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
