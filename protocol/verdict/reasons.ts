/** Why an answer is what it is: one short sentence for each thing that made it so. */
import type { OperatorId } from '../identifiers.ts'
import type { Answer, Voice } from './answer.ts'
import type { Candidate } from './candidates.ts'
import { newestOf } from './candidates.ts'
import type { Judgement } from './judge.ts'
import type { Setting } from './setting.ts'
import { supportersOf } from './tally.ts'
import type { Bar } from './weigh.ts'
import { count, list, operatorName, printable, shortDigest } from './wording.ts'

export interface ReasonContext {
  readonly setting: Setting
  /** Of the cell that decides. */
  readonly judgement: Judgement | undefined
  /** Of the other cells that speak of D. */
  readonly others: readonly Judgement[]
  readonly announced: readonly Candidate[]
  readonly bars: readonly Bar[]
}

type Part = Omit<Answer, 'reasons'>

export function reasonsFor(part: Part, context: ReasonContext): string[] {
  const { setting, judgement, others, bars } = context
  return [
    ...(judgement === undefined ? withoutCell(part, context) : verdictReasons(part, judgement)),
    ...others.map((other) => otherCell(other)),
    ...flagReasons(part, setting),
    ...bars.map((bar) => barReason(bar, part, setting)),
    ...troubleReasons(setting),
    ...unloggedReasons(part),
  ]
}

function withoutCell(part: Part, { setting, announced }: ReasonContext): string[] {
  const { question, operators, projects } = setting
  const image = `${question.repository} (${question.platform})`
  if (operators.length === 0) return ['Your policy names no operator, so there is nobody to ask.']
  if (projects.length === 0) return [`You follow no project for ${question.repository}.`]
  const newest = newestOf(announced)
  if (newest === undefined) return [`No release of ${image} by an announcer you follow is known.`]
  if (part.why?.includes('unlogged') === true) {
    return [`The release that publishes this digest is not in its announcer's log yet.`]
  }
  return [
    `None of ${count(announced.length, 'known release')} of ${image} publishes this digest; one is ${printable(newest.release.version)}.`,
  ]
}

function verdictReasons(part: Part, judgement: Judgement): string[] {
  const { tally, best, unreproduced } = judgement
  const votes = part.supporters.length
  switch (part.verdict) {
    case 'contradicted': {
      const found = [...tally.mapped].find(
        ([value, operators]) => value !== best && operators.length >= part.need,
      )
      return [
        `${count(votes, 'operator')} rebuilt ${shortDigest(best ?? '')}, and ${count(found?.[1].length ?? 0, 'operator')} found the published image to be ${shortDigest(found?.[0] ?? '')} instead.`,
        ...differenceReason(part.supporters),
      ]
    }
    case 'diverged':
      return [
        `The rebuilders do not agree with one another: ${count(votes, 'vote')} for ${shortDigest(best ?? '')}, ${part.dissenters.length} against it.`,
        ...differenceReason([...part.dissenters, ...part.supporters]),
      ]
    case 'reproduced': {
      const mapped = supportersOf(best ?? '', tally).length
      return [
        `${count(mapped, 'operator')} rebuilt exactly what was published (${tally.level} level), ${part.need} needed.`,
        ...(judgement.level === tally.level
          ? []
          : [`It holds at the stronger level ${judgement.level} as well.`]),
        ...(part.dissenters.length === 0
          ? []
          : [`${count(part.dissenters.length, 'operator')} got something else.`]),
      ]
    }
    case 'unreproducible': {
      const conflicted = [...tally.votes].filter(([, values]) => values.size > 1).length
      const kinds = [
        ...(unreproduced.length === 0
          ? []
          : [
              `${count(unreproduced.length, 'operator')} could not build it the same twice, or at all`,
            ]),
        ...(conflicted === 0 ? [] : [`${count(conflicted, 'operator')} said two different things`]),
      ]
      return [`The recipe does not reproduce: ${list(kinds)}.`]
    }
    default:
      return pendingReasons(part)
  }
}

function pendingReasons({ why = [], have, need, supporters }: Part): string[] {
  const mapped = supporters.filter(
    ({ vote, maps }) => vote.kind === 'digest' && maps === vote.digest,
  ).length
  return why.flatMap((reason) => {
    if (reason === 'votes-missing') return [`${have} of ${need} needed operators agree so far.`]
    if (reason === 'unmapped') {
      return [
        `${count(have, 'operator')} agree, and ${mapped} of them found the published image to be the same.`,
      ]
    }
    return []
  })
}

function differenceReason(voices: readonly Voice[]): string[] {
  const differences = voices.find((voice) => voice.differences !== undefined)?.differences
  const [first] = differences?.paths ?? []
  if (differences === undefined || first === undefined) return []
  return differences.count === 1
    ? [`One path differs: ${printable(first)}.`]
    : [`${differences.count} paths differ, the first is ${printable(first)}.`]
}

function otherCell({ verdict, cell }: Judgement): string {
  const version = newestOf(cell.releases)?.release.version ?? ''
  return `Another build input of this digest, announced as ${printable(version)}, is ${verdict}.`
}

function flagReasons({ flags, version }: Part, { view, operators, projects }: Setting): string[] {
  const reasons: string[] = []
  if (flags.includes('equivocation')) {
    const named = [...operators, ...projects.flatMap(({ announcers }) => announcers)]
    const proven = [...new Set(named)].filter((operator) => view.isEquivocator(operator))
    reasons.push(
      `${list(proven.map((operator) => operatorName({ operator })))} signed histories that cannot both be true.`,
    )
  }
  if (flags.includes('superseded-release')) {
    reasons.push(`A newer release than ${printable(version ?? '')} is known.`)
  }
  if (flags.includes('emulated-only')) {
    reasons.push('Every result was made under emulation of another CPU.')
  }
  return reasons
}

function barReason(bar: Bar, part: Part, { rules }: Setting): string {
  switch (bar) {
    case 'withdrawn':
      return 'Its announcer has withdrawn the release.'
    case 'level':
      return `Reproduced at level ${part.level ?? ''} only, and the policy accepts ${rules.accept}.`
    case 'unchecked':
      return 'The operators\' logs are not checked yet, so nobody is known to be fresh: to allow without that, the policy must say freshness = "off".'
    case 'stale':
      return `${count(part.silent.length, 'operator is', 'operators are')} silent, and the policy bears ${rules.maxSilent === 0 ? 'none' : rules.maxSilent}.`
    case 'clock-suspect':
      return 'The clock of this machine may be wrong: heads of trusted operators are dated ahead of it.'
    case 'silent-supporters':
      return `Fewer than ${rules.threshold} of the supporters are complete and fresh, with a valid card.`
    case 'insufficient-diversity':
      return `The supporters stand for fewer than ${count(rules.minGroups, 'group')}.`
    case 'doubted':
      return 'Operators that cannot be believed any more had said otherwise, so it is not allowed on the word of the rest.'
    case 'blind':
      return blindReason(part, rules.minBlind)
  }
}

function blindReason({ supporters, silent }: Part, minBlind: number): string {
  const blind = supporters.filter(
    (each) => each.blind === 'blind' && !silent.includes(each.operator),
  )
  return `${count(blind.length, 'fresh supporter')} voted blind, and the policy asks for ${minBlind}.`
}

function troubleReasons({ operators, roster }: Setting): string[] {
  const describe = (operator: OperatorId): string[] => {
    const trouble = roster.troubleOf(operator)
    const name = operatorName({ operator })
    if (trouble === 'two-cards') {
      return [
        `${name} has two cards of one version: it supports nothing until the policy pins one.`,
      ]
    }
    if (trouble === 'pin-missing') {
      return [`The card of ${name} that the policy pins is not here: it supports nothing.`]
    }
    return []
  }
  const shared = roster
    .sharers()
    .map((sharers) => list(sharers.map((operator) => operatorName({ operator }))))
  return [
    ...operators.flatMap(describe),
    ...[...new Set(shared)]
      .sort()
      .map((names) => `${names} list one key: what it signs counts for neither.`),
  ]
}

function unloggedReasons({ unloggedVoices = [] }: Part): string[] {
  const named = (isAgainst: boolean): string[] => [
    ...new Set(
      unloggedVoices
        .filter(({ against }) => against === isAgainst)
        .map((each) => operatorName(each)),
    ),
  ]
  const others = named(false).sort()
  return [
    ...named(true).map(
      (name) =>
        `${name} has said otherwise, in a result that is not in its log yet, so it is not counted.`,
    ),
    ...(others.length === 0
      ? []
      : [`Not in a log yet, so not counted: what ${list(others)} said.`]),
  ]
}
