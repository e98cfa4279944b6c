/** What builds have left on the disk, and what is given for it; node/disk-budget.ts. */
export interface DiskSummary {
  /** Null where there is no limit. */
  readonly budgetBytes: number | null
  readonly heldBytes: number
  /** Of these, what is not let go of. */
  readonly neededBytes: number
  readonly kinds: {
    /** Work folders that were left behind. */
    readonly work: number
    /** Logs of builds. */
    readonly logs: number
    /** Trees of images, by which differences are found. */
    readonly trees: number
  }
  /** More is needed than is given. */
  readonly over: boolean
  /** What was let go of since the node was started. */
  readonly gone: { readonly items: number; readonly bytes: number }
}
