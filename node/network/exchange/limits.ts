/** What an exchange may cost either side, whatever it is about: sync and trees keep to the same. */

const KIB = 1024

export const MAX_FRAME_BYTES = 64 * KIB
/** Frames of one answer; what does not fit is asked for again. */
export const MAX_FRAMES_PER_ANSWER = 64

/** Exchanges that are served at once, to all peers; each peer has one at most. */
export const MAX_SERVED = 4
/** Exchanges that this node runs at once as the one who asks. */
export const MAX_ASKED = 2
/** Peers whose pace as clients is remembered; see TokenBuckets. */
export const MAX_PACED_PEERS = 1024

/** Without a whole frame in either direction for so long, an exchange is given up. */
export const STALL_MS = 30_000
/** A peer that always does just enough is given up as well. */
export const MAX_EXCHANGE_MS = 600_000
/** The server reads one request while it answers another, and no more: a client waits for its answer. */
export const SERVER_BUFFER_BYTES = 2 * MAX_FRAME_BYTES
/** The client may get whole answers faster than it can check them: sync asks for two at once. */
export const CLIENT_BUFFER_BYTES = (2 * MAX_FRAMES_PER_ANSWER + 2) * MAX_FRAME_BYTES

/** Times that a failed exchange with a peer is tried again, with growing pauses. */
export const MAX_ATTEMPTS = 6
export const RETRY_MS = 500
