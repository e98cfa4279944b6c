/** What builds have left on the disk, in a line. */
import type { DiskSummary } from '../../node/http/disk-summary.ts'
import { warn, type Text } from './style.ts'
import { bytesWords, countWords } from './words.ts'

export function diskFact({ budgetBytes, heldBytes, neededBytes, over, gone }: DiskSummary): Text {
  const given = budgetBytes === null ? 'no limit' : `of ${bytesWords(budgetBytes)} given`
  const held = `${bytesWords(heldBytes)} of logs, trees and work folders, ${given}`
  const freed = `; ${countWords(gone.items, 'thing')} let go of, ${bytesWords(gone.bytes)}`
  const text = gone.items === 0 ? held : `${held}${freed}`
  if (!over) return text
  return warn(
    `${text}; ${bytesWords(neededBytes)} are needed: raise disk.budget_mb in config.toml, or prune`,
  )
}
