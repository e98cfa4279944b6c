/** What a node that announces by itself has made of a project's tags. */
import type { WatchedTag, WatchSummary } from '../../node/http/watch-summary.ts'
import type { Output } from './output.ts'
import { bad, faint, strong, warn, type Text } from './style.ts'
import { shortSid, timeWords } from './words.ts'

export function showWatch(summary: WatchSummary, out: Output): void {
  const { image, lastLook, nextLook, trouble, seen, tags } = summary
  out.facts([
    ['project', strong(image)],
    ['looked', lastLook === null ? faint('not yet') : timeWords(lastLook)],
    ['next look', nextLook === null ? faint('when the node runs') : timeWords(nextLook)],
    ...(trouble === null ? [] : [['trouble', bad(trouble)] as const]),
    ['tags', `${seen} that were here before or go with an image, ${tags.length} others`],
  ])
  if (tags.length === 0) return
  out.table(
    ['tag', 'in', 'version', 'state', ''],
    tags.map((tag) => [tag.tag, tag.source, tag.version, stateText(tag), tag.why]),
  )
}

/** One tag in a line. */
export function tagWords({ tag, state, sid, why }: WatchedTag): string {
  const more = sid === null || state !== 'announced' ? why : `as ${shortSid(sid)}`
  return `${tag} ${state} ${more}`.trimEnd()
}

function stateText({ state, sid }: WatchedTag): Text {
  if (state === 'announced') return sid === null ? state : `announced as ${shortSid(sid)}`
  return state === 'moved' ? bad(state) : state === 'refused' ? warn(state) : faint(state)
}
