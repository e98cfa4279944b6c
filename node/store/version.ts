/** One version of one key, as some file of the database has it. */
export interface Version {
  readonly key: Uint8Array
  /** Absent where the key was deleted. */
  readonly value: Uint8Array | undefined
  /** Of two versions that are intact the one with the higher number is the later one. */
  readonly sequence: number
  /** Whether the checksum holds of what this stood in. Else nothing of it is sure. */
  readonly intact: boolean
}

/** What LevelDB puts before a number of 56 bits, and into a batch. */
export const DELETED = 0
export const STORED = 1
