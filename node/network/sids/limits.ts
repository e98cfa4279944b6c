/** What one exchange of sids sync may cost either side. */

const KIB = 1024

export const MAX_FRAME_BYTES = 64 * KIB
export const MAX_SIDS_PER_FRAME = 600
/** Frames of one answer; what does not fit is asked for again. */
export const MAX_FRAMES_PER_ANSWER = 64
/** Requests of one exchange; what is left needs another. */
export const MAX_ROUNDS = 64
/** Names in one request: 100 images of 255 bytes and 200 operators of 55 fit in a frame. */
export const MAX_WANTED_IMAGES = 100
export const MAX_WANTED_OPERATORS = 200

/** Exchanges that are served at once, to all peers; each peer has one at most. */
export const MAX_SERVED = 4
/** Exchanges that this node runs at once as the one who asks. */
export const MAX_ASKED = 2
/** One in 2 seconds for a peer, 15 at once: listing costs the server a walk over its index. */
export const SERVED_BURST = 15
export const SERVED_REFILL_MS = 2000

/** Without a whole frame in either direction for so long, an exchange is given up. */
export const STALL_MS = 30_000
/** A peer that always does just enough is given up as well. */
export const MAX_EXCHANGE_MS = 600_000
/** The server reads one request while it answers another, and no more: a client waits for its answer. */
export const SERVER_BUFFER_BYTES = 2 * MAX_FRAME_BYTES
/** The client may get a whole answer faster than it can check it. */
export const CLIENT_BUFFER_BYTES = (MAX_FRAMES_PER_ANSWER + 2) * MAX_FRAME_BYTES

/** Times that a failed exchange with a peer is tried again, with growing pauses. */
export const MAX_ATTEMPTS = 6
export const RETRY_MS = 500
/** Exchanges in a row with one peer that has more than fits in one. */
export const MAX_EXCHANGES_IN_A_ROW = 16
/** Sids that were offered and not taken, so that they are not fetched each time; forgotten after an hour. */
export const MAX_DECLINED = 4096
export const DECLINED_MS = 3_600_000
