/**
 * Which of the policy's operators can be relied on for an `allow`, now.
 *
 * An operator that is not complete and fresh may have taken its vote back, or dissented, and the
 * asker would not know. Its votes still count as evidence; they do not count towards k fresh ones.
 * All that `now` decides is decided here, and only ever against `allow`: so here it shows as well how
 * long an answer holds. protocol/verdict/README.md, 6.
 */
import type { OperatorId, UnixSeconds } from '../identifiers.ts'
import type { Answer } from './answer.ts'
import type { Setting } from './setting.ts'

/** Heads may be dated this much ahead of our clock. */
const MAX_AHEAD_SECONDS = 600

export interface Standing {
  /** In the policy's order. */
  readonly silent: readonly OperatorId[]
  readonly freshness: Answer['freshness']
  /** The first moment after `now` at which any of this may be otherwise, all else being the same. */
  readonly holdsUntil: UnixSeconds
}

export function standingIn(setting: Setting): Standing {
  const { operators, projects, rules, roster, view, now, isMuted } = setting
  const checks = rules.freshness === 'required' && view.checked
  let holdsUntil = Infinity
  /** Something is compared with `now` that comes out otherwise from this moment on. */
  const turns = (moment: UnixSeconds): void => {
    if (moment > now) holdsUntil = Math.min(holdsUntil, moment)
  }
  const isFresh = (operator: OperatorId): boolean =>
    projects.every(({ image }) => {
      const time = view.completeUpTo(operator, image)
      if (time === undefined) return false
      turns(time + rules.maxAgeSeconds)
      turns(time - MAX_AHEAD_SECONDS)
      return now - time < rules.maxAgeSeconds && time - now <= MAX_AHEAD_SECONDS
    })
  const hasValidCard = (operator: OperatorId): boolean => {
    turns(roster.expiryOf(operator))
    return roster.hasValidCard(operator, now)
  }
  const silent = operators.filter(
    (operator) => isMuted(operator) || !hasValidCard(operator) || (checks && !isFresh(operator)),
  )
  // Said in each answer for as long as there are no logs, also where the policy does not ask for them.
  if (!view.checked) return { silent, freshness: 'unchecked', holdsUntil }
  if (rules.freshness === 'off') return { silent, freshness: 'off', holdsUntil }
  const freshness = silent.length > rules.maxSilent ? 'stale' : 'fresh'
  return { silent, freshness, holdsUntil }
}
