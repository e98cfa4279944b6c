/** What goes wrong between nodes: one line that says what, where, and what to do. */

export type NetworkErrorCode =
  | 'address-in-use'
  | 'address-refused'
  | 'bad-address'
  | 'bad-network-name'
  | 'peer-key'
  | 'network-key'
  | 'not-started'
  | 'dial-failed'
  | 'stopped'
  // Sync
  | 'sync-protocol'
  | 'sync-lie'
  | 'sync-busy'
  | 'sync-refused'
  | 'sync-ended'
  | 'sync-stalled'
  | 'sync-flood'

export class NetworkError extends Error {
  override readonly name = 'NetworkError'
  readonly code: NetworkErrorCode

  constructor(code: NetworkErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}
