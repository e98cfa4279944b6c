/** When and how often there is sync; what one exchange may cost is in protocol/sync/limits.ts. */

/** One a second for a peer, 30 at once: a head that shows a gap brings one. */
export const SERVED_BURST = 30
export const SERVED_REFILL_MS = 1000

/** Exchanges in a row with one peer that has more than fits in one. */
export const MAX_EXCHANGES_IN_A_ROW = 16
/** While something is missing, a round comes after so long, then after twice that, up to the interval. */
export const INCOMPLETE_MS = 15_000

/** Heads of one peer that wait for their leaves to be asked for; the next round brings the others. */
export const MAX_GAPS = 256

/** What was offered and not taken is not fetched again for so long. */
export const DECLINED_MS = 3_600_000
