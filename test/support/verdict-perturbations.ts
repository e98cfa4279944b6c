/** What the properties of the verdict do to a case, and what they look at in an answer. */
import type { Rebuild } from '../../protocol/rebuild.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import type { Answer, Voice } from '../../protocol/verdict/answer.ts'
import type { decide as Decide } from '../../protocol/verdict/decide.ts'
import type { SeededRandom } from './seeded-random.ts'
import {
  D,
  hex,
  keyOf,
  operatorId,
  makeCard,
  makeRebuild,
  makeRelease,
  makeWithdrawal,
  manifest,
} from './verdict-cases.ts'
import type { GeneratedCase } from './verdict-generator.ts'

/** Throws an AssertionError where `decide` breaks it on this case. */
export type Check = (decide: typeof Decide, input: GeneratedCase, random: SeededRandom) => void

export const POLICY_NAMES = ['a', 'b', 'c', 'd', 'e']

export function isRebuild(statement: SignedStatement): statement is SignedStatement<Rebuild> {
  return statement.body.kind === 'rebuild'
}

export function withMore(input: GeneratedCase, extra: readonly SignedStatement[]): GeneratedCase {
  return { ...input, statements: [...input.statements, ...extra] }
}

/** Everything but the dates that it shows. */
export function undated(answer: Answer): Omit<Answer, 'since'> {
  const { since: _since, ...rest } = answer
  return rest
}

export function isMapped({ vote, maps }: Voice): boolean {
  return vote.kind === 'digest' && vote.digest === maps
}

/** Releases, results, withdrawals and cards of parties that nobody named. */
export function strangersWord(input: GeneratedCase, random: SeededRandom): SignedStatement[] {
  const releases = input.statements.filter(({ body }) => body.kind === 'release')
  const own = makeRelease({
    announcer: 'x',
    version: '9.9',
    platforms: { 'linux/amd64': random.pick([D, manifest('E')]) },
    sid: hex(`stranger's release ${random.integer(1000)}`),
  })
  const sids = input.statements.map(({ sid }) => sid)
  const rebuilds = Array.from({ length: 10 }, (_, i) =>
    makeRebuild({
      by: random.pick(['x', 'y', `sybil ${i}`]),
      release: random.pick([own, ...releases]) as typeof own,
      built: random.pick(['D', 'w']),
      supersedes: sids.length === 0 ? [] : [random.pick(sids)],
      sid: hex(`stranger's result ${random.integer(1_000_000)}`),
    }),
  )
  const withdrawals = sids.slice(0, 5).map((sid) => makeWithdrawal('y', sid))
  const first = makeCard({ operator: 'a' }).body
  const forged = { ...first, rootKey: { type: 'ed25519', key: hex('root of x') } } as const
  const cards = [
    makeCard({ operator: 'sybil', keys: [keyOf('x'), keyOf('a')] }),
    // Of an operator that is named, signed by a key that the card does not list.
    { ...makeCard({ operator: 'a', version: 2, keys: [keyOf('y')] }), key: keyOf('x') },
    // That say they are of an operator that is named: anybody can, but its root key has not agreed.
    makeCard({ operator: 'a', version: 7, keys: [keyOf('y')] }),
    makeCard({ operator: 'a', version: 2, keys: [keyOf('y')], follows: forged }),
  ]
  return [own, ...rebuilds, ...withdrawals, ...cards]
}

/** Results that nobody takes back, by operators of the policy, that count. */
export function standingResults(input: GeneratedCase): SignedStatement<Rebuild>[] {
  const takenBack = new Set(
    input.statements.flatMap(({ body }) =>
      body.kind === 'withdrawal'
        ? [body.withdraws]
        : body.kind === 'rebuild'
          ? body.supersedes
          : [],
    ),
  )
  return input.statements.filter(isRebuild).filter(({ sid, key }) => {
    const name = POLICY_NAMES.find((each) => key === keyOf(each))
    if (name === undefined || takenBack.has(sid)) return false
    return input.view.isCounted(sid, key, operatorId(name))
  })
}

/** Voices that stand for a digest in an answer, `operator digest`. */
export function votesIn({ supporters, dissenters }: Answer): Set<string> {
  return new Set(
    [...supporters, ...dissenters].flatMap(({ operator, vote }) =>
      vote.kind === 'digest' ? [`${operator} ${vote.digest}`] : [],
    ),
  )
}
