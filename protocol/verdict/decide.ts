/**
 * What a user's policy makes of the evidence about one image. protocol/verdict/README.md.
 *
 * A pure function of a set of statements, project files, the policy, what is known of the logs, and
 * `now`. Order, repetition and the times inside statements do not change it, nor does anything
 * signed by a key that neither the policy nor a followed project stands for. When in doubt the
 * answer is `undecided`.
 */
import type { UnixSeconds } from '../identifiers.ts'
import type { Answer, Flag } from './answer.ts'
import { collectBallots } from './ballots.ts'
import { findCandidates, findCells, newestOf, type Candidate } from './candidates.ts'
import { compareLevels, compareVerdicts, judgeCell, type Judgement } from './judge.ts'
import { reasonsFor } from './reasons.ts'
import { prepareSetting, type DecideInput, type Setting } from './setting.ts'
import { standingIn } from './standing.ts'
import { unloggedVoices } from './unlogged.ts'
import { isNewerVersion } from './version-order.ts'
import { voicesOf } from './voices.ts'
import { weigh, type Weight } from './weigh.ts'

export type { DecideInput } from './setting.ts'

/** An answer, and how long the time alone does not make it another one, but for its `asOf`. */
export interface LastingAnswer {
  readonly answer: Answer
  /** The first moment at which it may be another. */
  readonly holdsUntil: UnixSeconds
}

export function decide(input: DecideInput): Answer {
  return decideFor(input).answer
}

/** As `decide`, for whoever keeps the answer while nothing else changes. */
export function decideFor(input: DecideInput): LastingAnswer {
  const setting = prepareSetting(input)
  const { question, policy, rules, operators, view } = setting
  // Without operators there is nobody to ask, whatever was announced.
  const announced = operators.length === 0 ? [] : findCandidates(setting)
  const candidates = announced.filter(({ sid, key, announcer }) =>
    view.isCounted(sid, key, announcer),
  )
  const circumstances = {
    candidates,
    standing: standingIn(setting),
    doubted: isDoubted(candidates, setting),
  }
  const { standing } = circumstances
  const judged = judgeCells(candidates, setting)
    .map((judgement) => ({ judgement, weight: weigh(judgement, setting, circumstances) }))
    .sort(byStrength)
  const judgement = judged[0]?.judgement
  const weight = judged[0]?.weight ?? weigh(undefined, setting, circumstances)
  const release = newestOf(judgement?.cell.releases.filter(speaksOf(question.digest)) ?? [])
  const voices = judgement && voicesOf(judgement, policy.operators)
  const part = {
    image: question.repository,
    digest: question.digest,
    platform: question.platform,
    ...(release === undefined ? {} : { version: release.release.version, release: release.sid }),
    ...(judgement === undefined ? {} : { inputDigest: judgement.cell.inputDigest }),
    verdict: judgement?.verdict ?? (announced.length > 0 ? 'pending' : 'unknown'),
    decision: weight.decision,
    ...(judgement === undefined ? {} : { level: judgement.level }),
    flags: [...weight.flags, ...informing(judgement, release, candidates, setting)],
    freshness: standing.freshness,
    have: voices?.supporters.length ?? 0,
    need: rules.threshold,
    ...pendingPart(judgement, announced, question.digest),
    supporters: voices?.supporters ?? [],
    dissenters: voices?.dissenters ?? [],
    unreproduced: voices?.unreproduced ?? [],
    absent: (voices?.others ?? operators).filter((each) => !standing.silent.includes(each)),
    silent: standing.silent,
    retracted: voices?.retracted ?? [],
    unlogged: judgement?.ballots.unlogged.map(({ sid }) => sid) ?? [],
    unloggedVoices: judgement ? unloggedVoices(judgement, question.digest, policy.operators) : [],
    policyHash: policy.hash,
    asOf: setting.now,
  } satisfies Omit<Answer, 'reasons'>
  const others = judged.slice(1).map((each) => each.judgement)
  const context = { setting, judgement, others, announced, bars: weight.bars }
  const answer = { ...part, reasons: reasonsFor(part, context) }
  return { answer, holdsUntil: standing.holdsUntil }
}

function judgeCells(candidates: readonly Candidate[], setting: Setting): Judgement[] {
  const { question, rules } = setting
  return findCells(candidates, setting).map((cell) =>
    judgeCell(cell, collectBallots(cell, setting), question.digest, rules),
  )
}

/**
 * Whether the word of those who are not believed would keep the image from being reproduced. A
 * thief who forks a log takes its owner's mappings away, and with them may go a `contradicted`:
 * what follows must not be an `allow`.
 */
function isDoubted(candidates: readonly Candidate[], setting: Setting): boolean {
  if (!setting.operators.some(setting.isMuted)) return false
  const believing = judgeCells(candidates, { ...setting, isMuted: () => false })
  const verdicts = believing.map(({ verdict }) => verdict)
  return verdicts.sort(compareVerdicts)[0] !== 'reproduced'
}

interface Judged {
  readonly judgement: Judgement
  readonly weight: Weight
}

/** The one that decides first: any `contradicted`, else the strongest verdict. */
function byStrength(a: Judged, b: Judged): number {
  const allows = ({ weight }: Judged): number => (weight.decision === 'allow' ? 1 : 0)
  const votes = ({ judgement: { tally, best } }: Judged): number =>
    best === undefined ? 0 : (tally.support.get(best) ?? []).length
  return (
    compareVerdicts(a.judgement.verdict, b.judgement.verdict) ||
    allows(b) - allows(a) ||
    compareLevels(b.judgement.level, a.judgement.level) ||
    votes(b) - votes(a)
  )
}

function speaksOf(digest: string): (candidate: Candidate) => boolean {
  return ({ published }) => published === digest
}

function informing(
  judgement: Judgement | undefined,
  release: Candidate | undefined,
  candidates: readonly Candidate[],
  { operators, projects, view }: Setting,
): Flag[] {
  const flags: Flag[] = []
  const named = [...operators, ...projects.flatMap(({ announcers }) => announcers)]
  if (named.some((operator) => view.isEquivocator(operator))) flags.push('equivocation')
  const superseded =
    release !== undefined &&
    candidates.some(
      (each) => !each.withdrawn && isNewerVersion(each.release.version, release.release.version),
    )
  if (superseded) flags.push('superseded-release')
  if (judgement?.ballots.emulatedOnly === true) flags.push('emulated-only')
  return flags
}

function pendingPart(
  judgement: Judgement | undefined,
  announced: readonly Candidate[],
  digest: string,
): Pick<Answer, 'since' | 'why'> {
  const earliest = (releases: readonly Candidate[]): number =>
    Math.min(...releases.map(({ release }) => release.announced))
  if (judgement === undefined) {
    if (announced.length === 0) return {}
    // Had a counted release published D, there would be a cell.
    const unlogged = announced.some(speaksOf(digest))
    return { since: earliest(announced), why: [unlogged ? 'unlogged' : 'unmapped'] }
  }
  if (judgement.verdict !== 'pending') return {}
  return { since: earliest(judgement.cell.releases), why: judgement.why }
}
