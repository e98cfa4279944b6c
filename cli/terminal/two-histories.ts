/** What the operator of a log that is proven to be forked is told: no card and no key mends it. */
export const TWO_HISTORIES =
  'it is proven that a key of this operator told two histories: nobody counts what it signs any more, with whatever key; stop every other node with a copy of its keys, begin with "rebuildnet init" in a fresh data folder, and ask those who trust you to trust the new card'
