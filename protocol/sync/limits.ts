/** What one exchange may cost either side. node/network/README.md says why. */

const KIB = 1024

export const MAX_FRAME_BYTES = 64 * KIB
/** Frames of one answer; what does not fit is asked for again. */
export const MAX_FRAMES_PER_ANSWER = 64
/** Rows, heads, leaves, bodies or proofs in one frame, and names of them in one request. */
export const MAX_ENTRIES_PER_FRAME = 600
/** Requests of one exchange; what is left needs another. */
export const MAX_ROUNDS = 64
/**
 * Requests for bodies whose answer has not come: the server reads one while it answers another, and
 * the client must have room for so many answers.
 */
export const MAX_REQUESTS_AHEAD = 2

/** Logs that match one query, in all answers to it: more than any node keeps. */
export const MAX_ROWS = 65_536

/** Names in one query, so that it fits in a frame: 300 × 55, 600 × 32 and 600 × 16 bytes. */
export const MAX_QUERY_OPERATORS = 300
export const MAX_QUERY_KEYS = 600
export const MAX_QUERY_TAGS = 600

/** A checkpoint of ours has some 500 bytes. */
export const MAX_HEAD_BYTES = 4 * KIB
/** Two heads, and hashes or a leaf with its statement. */
export const MAX_PROOF_BYTES = MAX_FRAME_BYTES - 16
