/** What one exchange of sids sync may cost either side. */

export * from '../exchange/limits.ts'

export const MAX_SIDS_PER_FRAME = 600
/** Requests of one exchange; what is left needs another. */
export const MAX_ROUNDS = 64
/** Names in one request: 100 images of 255 bytes and 200 operators of 55 fit in a frame. */
export const MAX_WANTED_IMAGES = 100
export const MAX_WANTED_OPERATORS = 200

/** One in 2 seconds for a peer, 15 at once: listing costs the server a walk over its index. */
export const SERVED_BURST = 15
export const SERVED_REFILL_MS = 2000

/** Exchanges in a row with one peer that has more than fits in one. */
export const MAX_EXCHANGES_IN_A_ROW = 16
/** Sids that were offered and not taken, so that they are not fetched each time; forgotten after an hour. */
export const MAX_DECLINED = 4096
export const DECLINED_MS = 3_600_000
