/** The operators' parts in an answer, as it shows them. */
import type { OperatorId, Sid } from '../identifiers.ts'
import type { PolicyOperator } from '../policy.ts'
import type { LevelDigest } from '../rebuild.ts'
import type { Voice } from './answer.ts'
import type { Ballot, Result } from './ballots.ts'
import type { Judgement } from './judge.ts'
import { digestAt, dissentersFrom, valueText, type Values } from './tally.ts'

export interface Voices {
  readonly supporters: readonly Voice[]
  readonly dissenters: readonly Voice[]
  readonly unreproduced: readonly Voice[]
  /** Operators of the policy that have no part in any of these. */
  readonly others: readonly OperatorId[]
  readonly retracted: readonly Sid[]
}

export function voicesOf(judgement: Judgement, operators: readonly PolicyOperator[]): Voices {
  const { tally, best, ballots, unreproduced } = judgement
  const byOperator = new Map(ballots.ballots.map((ballot) => [ballot.operator, ballot]))
  const named = new Map(operators.map((operator) => [operator.id, operator]))
  const voice = (id: OperatorId, choose: (result: Result) => boolean, vote: Voice['vote']): Voice =>
    voiceOf(named.get(id), byOperator.get(id), judgement, choose, vote)
  const isBuilt = ({ body }: Result): boolean => body.outcome.kind === 'built'
  // With no digest to rally round, whoever built something stands against nothing, and is shown.
  const against = best === undefined ? [...tally.votes.keys()] : dissentersFrom(best, tally)
  const supporters = best === undefined ? [] : (tally.support.get(best) ?? [])
  const part = new Set([...supporters, ...against, ...unreproduced])
  return {
    supporters: supporters.map((id) => voice(id, isBuilt, { kind: 'digest', digest: best ?? '' })),
    dissenters: against.map((id) => voice(id, isBuilt, voteOf(tally.votes.get(id)))),
    unreproduced: unreproduced.map((id) =>
      voice(id, (result) => !isBuilt(result), failureOf(byOperator.get(id))),
    ),
    others: operators.map(({ id }) => id).filter((id) => !part.has(id)),
    retracted: ballots.dead
      .filter(({ body }) => {
        if (body.outcome.kind !== 'built') return true
        return best === undefined || digestAt(tally.level, body.outcome.rebuilt) !== best
      })
      .map(({ sid }) => sid),
  }
}

function voiceOf(
  operator: PolicyOperator | undefined,
  ballot: Ballot | undefined,
  { tally, ballots }: Judgement,
  choose: (result: Result) => boolean,
  vote: Voice['vote'],
): Voice {
  if (operator === undefined || ballot === undefined) throw new Error('a voice without a ballot')
  const results = ballot.results.filter(choose)
  const maps = tally.maps.get(operator.id)
  const blind = ballots.blind.get(operator.id)
  const differences = results.find(({ body }) => body.differences !== undefined)?.body.differences
  return {
    operator: operator.id,
    ...(operator.name === undefined ? {} : { name: operator.name }),
    groups: operator.groups,
    sids: results.map(({ sid }) => sid),
    vote,
    ...(maps === undefined ? {} : { maps }),
    ...(differences === undefined ? {} : { differences }),
    ...(results.every(({ body }) => body.environment.emulated) ? { emulated: true } : {}),
    ...(blind === undefined ? {} : { blind }),
  }
}

function voteOf(values: Values | undefined): Voice['vote'] {
  const [first, ...others] = values?.values() ?? []
  if (first === undefined) return { kind: 'none' }
  if (others.length > 0) {
    return { kind: 'self-conflict', digests: [first, ...others].map(valueText).sort() }
  }
  return digestVote(first)
}

function digestVote(value: LevelDigest): Voice['vote'] {
  return typeof value === 'string'
    ? { kind: 'digest', digest: value }
    : { kind: 'error', code: value.error }
}

/** Unstable says more than failed: the recipe did run. */
function failureOf(ballot: Ballot | undefined): Voice['vote'] {
  const outcomes = ballot?.results.map(({ body }) => body.outcome) ?? []
  if (outcomes.some(({ kind }) => kind === 'unstable')) return { kind: 'unstable' }
  const failed = outcomes.find((outcome) => outcome.kind === 'failed')
  return failed === undefined ? { kind: 'none' } : { kind: 'failed', stage: failed.stage }
}
