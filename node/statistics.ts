/** Numbers about the answers to questions of one project: a function of what was said and answered. */
import type { OperatorRecord, ProjectStatistics, Spread } from './http/statistics-summary.ts'
import type { OperatorId, Platform, Sid, UnixSeconds } from '../protocol/identifiers.ts'
import type { Rebuild } from '../protocol/rebuild.ts'
import type { Answer, Voice } from '../protocol/verdict/answer.ts'

/** One published image, and what is known of it. */
export interface AnsweredImage {
  readonly announced: UnixSeconds
  readonly answer: Answer
}

export interface SaidResult {
  readonly sid: Sid
  /** Undefined where its key speaks for nobody. */
  readonly operator: OperatorId | undefined
  readonly body: Rebuild
}

export interface StatisticsInput {
  readonly images: readonly AnsweredImage[]
  readonly results: readonly SaidResult[]
  readonly self: OperatorId
  /** Operators of the policy, with the names that it gives them. */
  readonly trusted: ReadonlyMap<OperatorId, string | undefined>
}

export function summarizeImages(
  input: StatisticsInput,
): Omit<ProjectStatistics, 'image' | 'releases'> {
  const { images, results } = input
  const finished = new Map(results.map(({ sid, body }) => [sid, body.finished]))
  const waits = images.map((each) => secondsToQuorum(each, finished))
  const reached = waits.filter((wait) => wait !== undefined)
  const records = recordsOf(input)
  const count = (of: (record: OperatorRecord) => number): number =>
    records.reduce((total, record) => total + of(record), 0)
  return {
    images: images.length,
    timeToQuorum: { ...spreadOf(reached), open: waits.length - reached.length },
    agreement: {
      results: count(({ agreed, dissented, unreproduced }) => agreed + dissented + unreproduced),
      agreed: count(({ agreed }) => agreed),
      unanimous: images.filter(({ answer }) => isUnanimous(answer)).length,
    },
    operators: records,
    buildTime: buildTimes(input),
  }
}

/** Undefined where not enough agree. A result of a blind release may be older than the announcement. */
function secondsToQuorum(
  { announced, answer }: AnsweredImage,
  finished: ReadonlyMap<Sid, UnixSeconds>,
): number | undefined {
  if (answer.need < 1 || answer.have < answer.need) return undefined
  const times = answer.supporters.map(({ sids }) =>
    Math.min(...sids.map((sid) => finished.get(sid) ?? Infinity)),
  )
  const last = times.sort((a, b) => a - b)[answer.need - 1]
  return last === undefined || !Number.isFinite(last) ? undefined : Math.max(0, last - announced)
}

function isUnanimous({ supporters, dissenters, unreproduced }: Answer): boolean {
  return supporters.length > 0 && dissenters.length + unreproduced.length === 0
}

function recordsOf({ images, trusted }: StatisticsInput): readonly OperatorRecord[] {
  const of = (operator: OperatorId, voices: (answer: Answer) => readonly Voice[]): number =>
    images.filter(({ answer }) => voices(answer).some((voice) => voice.operator === operator))
      .length
  const nameOf = ([id, name]: readonly [OperatorId, string | undefined]): string => name ?? id
  const sorted = [...trusted].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  return sorted.map(([operator, name]) => ({
    operator,
    name: name ?? null,
    agreed: of(operator, ({ supporters }) => supporters),
    dissented: of(operator, ({ dissenters }) => dissenters),
    unreproduced: of(operator, ({ unreproduced }) => unreproduced),
  }))
}

function buildTimes({ results, self, trusted }: StatisticsInput): ProjectStatistics['buildTime'] {
  // What completes a blind result was built before; its times are those of a look at a registry.
  const built = results.filter(
    ({ operator, body }) =>
      operator !== undefined &&
      (operator === self || trusted.has(operator)) &&
      body.completes === undefined,
  )
  const platforms = [...new Set(built.map(({ body }) => body.platform))].sort()
  return platforms.map((platform: Platform) => {
    const here = built.filter(({ body }) => body.platform === platform)
    const native = here.filter(({ body }) => !body.environment.emulated)
    const emulated = here.filter(({ body }) => body.environment.emulated)
    return {
      platform,
      own: durations(native.filter(({ operator }) => operator === self)),
      all: durations(native),
      emulated: durations(emulated),
    }
  })
}

function durations(results: readonly SaidResult[]): Spread {
  return spreadOf(results.map(({ body }) => Math.max(0, body.finished - body.started)))
}

/** By nearest rank: each of them is one of the values. */
export function spreadOf(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const rank = (share: number): number | null =>
    sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? null
  return { count: sorted.length, median: rank(0.5), p90: rank(0.9), longest: rank(1) }
}
