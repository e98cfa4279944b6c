/**
 * Whether it is this machine: its own two cold builds of an input differ, and others agree on what
 * the input gives. Many unstable operators mean a recipe that does not reproduce, a single one means
 * memory, disk or heat.
 *
 * Others are operators of the user's own policy, counted as the verdict counts them: each once, what
 * is logged and live only. No number of strangers can silence a node, and it asks for at least two
 * others whatever the threshold is: one alone agrees with nobody.
 */
import type { OperatorId } from '../protocol/identifiers.ts'
import type { Answer } from '../protocol/verdict/answer.ts'

const MIN_AGREEING = 2

export interface Agreement {
  readonly digest: string
  readonly operators: readonly OperatorId[]
}

/** What the others agree on; undefined where they are too few, or more than `maxDissent` do not. */
export function agreementOfOthers(
  answer: Pick<Answer, 'supporters' | 'dissenters' | 'unreproduced' | 'need'>,
  self: OperatorId,
  maxDissent: number,
): Agreement | undefined {
  const built = [...answer.supporters, ...answer.dissenters].filter((v) => v.operator !== self)
  const votes = new Map<string, OperatorId[]>()
  for (const { operator, vote } of built) {
    if (vote.kind !== 'digest') continue
    votes.set(vote.digest, [...(votes.get(vote.digest) ?? []), operator])
  }
  const [best] = [...votes].sort(([, a], [, b]) => b.length - a.length)
  if (best === undefined) return undefined
  const [digest, operators] = best
  const against = new Set(
    [...built, ...answer.unreproduced]
      .map(({ operator }) => operator)
      .filter((operator) => operator !== self && !operators.includes(operator)),
  )
  const unsure = answer.unreproduced.filter(({ operator }) => operators.includes(operator))
  if (operators.length < Math.max(MIN_AGREEING, answer.need)) return undefined
  if (against.size + unsure.length > maxDissent) return undefined
  return { digest, operators }
}

/** In words, for the alert and for status. */
export function doubtWords(
  { image, version, platform }: Pick<Answer, 'image' | 'version' | 'platform'>,
  { digest, operators }: Agreement,
): string {
  return `two cold builds of ${image} ${version ?? ''} for ${platform} differ on this machine, while ${operators.length} other operators agree on ${digest}`
}
