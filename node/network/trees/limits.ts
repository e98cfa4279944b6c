/** What one exchange of the tree protocol may cost either side. */
import { MAX_FRAME_BYTES, MAX_FRAMES_PER_ANSWER } from '../exchange/limits.ts'

/** 32 bytes each: a request is a third of a frame. */
export const MAX_HASHES_PER_REQUEST = 600
/** A directory of some 50,000 names; a larger one is not served. */
export const MAX_OBJECT_BYTES = 3 * 1024 * 1024
/** Type and `more` stand before the bytes of each frame. */
const FRAME_HEADER_BYTES = 2
export const PIECE_BYTES = MAX_FRAME_BYTES - FRAME_HEADER_BYTES
/** An object fits in one answer. */
export const MAX_ANSWER_BYTES = MAX_FRAMES_PER_ANSWER * PIECE_BYTES
/** Requests of one exchange; what is left needs another. */
export const MAX_ROUNDS = 256

/** One a second for a peer, 30 at once: what is not here costs the server a look for each hash. */
export const SERVED_BURST = 30
export const SERVED_REFILL_MS = 1000
/** Peers that are asked for one comparison. */
export const MAX_PEERS = 16
/** Exchanges in a row with one peer that has more than fits in one. */
export const MAX_EXCHANGES_IN_A_ROW = 8
