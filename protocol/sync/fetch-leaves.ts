/** Leaves of many logs at once: ranges in, the slots that the peer has of them out. */
import { concat } from '../bytes.ts'
import { LEAF_SLOT_BYTES } from '../log/leaf.ts'
import type { Conversation } from './conversation.ts'
import { MAX_ENTRIES_PER_FRAME, MAX_FRAMES_PER_ANSWER } from './limits.ts'
import { sortRanges, type LeafRange } from './requests.ts'
import type { ClientRun } from './steps.ts'
import { malformed } from './sync-error.ts'

/** Leaves that fit in one answer: so many are in memory, or those of one log. */
const LEAVES_PER_ANSWER = MAX_ENTRIES_PER_FRAME * MAX_FRAMES_PER_ANSWER

/** Ranges in portions that an answer can hold each. */
export function splitRanges<Range extends LeafRange>(ranges: readonly Range[]): Range[][] {
  const portions: Range[][] = []
  let room = 0
  for (const range of ranges) {
    const leaves = range.to - range.from
    const last = portions.at(-1)
    if (last === undefined || room < leaves || last.length === MAX_ENTRIES_PER_FRAME) {
      portions.push([range])
      room = LEAVES_PER_ANSWER - leaves
    } else {
      last.push(range)
      room -= leaves
    }
  }
  return portions
}

/** By the name of the log: slots from the first of the range on, as many as the peer has. */
export function* fetchLeaves(
  ranges: readonly LeafRange[],
  conversation: Conversation,
): ClientRun<Map<string, Uint8Array>> {
  const parts = new Map<string, Uint8Array[]>()
  let rest = sortRanges(ranges)
  while (rest.length > 0) {
    const asked = rest
    const at = asked.map(({ from }) => from)
    let last = 0
    yield* conversation.ask({ type: 'leaves', ranges: asked })
    const cut = yield* conversation.frames('leaves', ({ runs }) => {
      for (const { place, slots } of runs) {
        const range = asked[place]
        const next = (at[place] ?? 0) + slots.length / LEAF_SLOT_BYTES
        if (range === undefined || place < last || next > range.to) {
          throw malformed('leaves that were not asked for')
        }
        at[place] = next
        last = place
        const { text } = range.origin
        parts.set(text, [...(parts.get(text) ?? []), slots.slice()])
      }
      return runs.length
    })
    // Of those before the last one, the peer has no more.
    rest = cut
      ? asked
          .map((range, place) => ({ ...range, from: at[place] ?? range.from }))
          .filter(({ from, to }, place) => place >= last && from < to)
      : []
  }
  return new Map([...parts].map(([text, slots]) => [text, concat(...slots)]))
}
