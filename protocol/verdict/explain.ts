/**
 * An answer in plain words, a line each: what it is, who said what, what is missing, which files
 * differ, and what it does not mean.
 *
 * Everything is said from the answer alone, so that whoever was sent one can read it.
 */
import type { BlindLabel } from '../blind/label.ts'
import type { OperatorId } from '../identifiers.ts'
import type { Answer, Flag, Voice } from './answer.ts'
import { count, operatorName, printable, shortDigest } from './wording.ts'

const FLAG_MEANINGS: Readonly<Record<Flag, string>> = {
  stale: 'more operators are silent than the policy bears, so dissent could be hidden from you',
  'clock-suspect': 'heads of trusted operators are dated ahead of the clock of this machine',
  'insufficient-diversity': 'the supporters stand for fewer groups than the policy asks for',
  withdrawn: 'the announcer has taken this release back',
  equivocation: 'an operator signed two histories that cannot both be true; it supports nothing',
  'superseded-release': 'a newer release is known',
  'emulated-only': 'every result was made under emulation of another CPU',
}

const HEADLINES: Readonly<Record<Answer['verdict'], string>> = {
  contradicted: 'the rebuilders agree with one another, and not with what was published',
  diverged: 'the rebuilders do not agree with one another',
  reproduced: 'independent rebuilders got what was published',
  unreproducible: 'the recipe does not give the same image twice',
  pending: 'not enough is known yet',
  unknown: 'nothing is known of this image',
}

const BLIND: Readonly<Record<BlindLabel, string>> = {
  blind: 'blind',
  announcer: 'not blind: it announces this project',
  unopened: 'not blind: it has not opened all of its commitments',
  changed: 'not blind: it has said something else as well',
  'names-image': 'not blind: it speaks of the published image',
  'not-listed': 'not blind: its commitment is not shown to be from before publication',
  'not-first': 'not blind: its commitment is not shown to be from before the results of others',
}

const FRESHNESS: Readonly<Record<Answer['freshness'], string>> = {
  off: 'Freshness is off in your policy: results that were hidden from you would not be noticed.',
  unchecked: 'Freshness is not checked: results that were hidden from you would not be noticed.',
  fresh: 'Freshness: all that the operators said is here, up to a recent time.',
  stale: 'Freshness: too many operators have not been heard of lately.',
}

/** `nameOf` is what the user calls an operator; the answer itself names those who have said something. */
export function explainAnswer(
  answer: Answer,
  nameOf: (operator: OperatorId) => string | undefined = () => undefined,
): string[] {
  const { image, digest, platform, version, verdict, decision, level } = answer
  const of = version === undefined ? '' : `, version ${printable(version)}`
  return [
    `${printable(image)}@${digest} (${platform}${of})`,
    `${decision.toUpperCase()}: ${verdict}, ${HEADLINES[verdict]}.`,
    ...answer.reasons.map((reason) => `- ${reason}`),
    ...(level === undefined
      ? []
      : [`Votes: ${answer.have}, ${answer.need} needed, ${level} level.`]),
    ...section('For', answer.supporters),
    ...section('Against', answer.dissenters),
    ...section('Could not reproduce it', answer.unreproduced),
    ...operators('Have not voted', answer.absent, nameOf),
    ...operators('Silent', answer.silent, nameOf),
    ...statements('Taken back, and was against', answer.retracted),
    ...unloggedLines(answer),
    ...answer.flags.map((flag) => `Flag ${flag}: ${FLAG_MEANINGS[flag]}.`),
    ...(verdict === 'unknown' ? [] : [freshnessWords(answer)]),
    ...(verdict === 'reproduced'
      ? [
          'Reproduced means that this image is what its source and recipe give. It does not mean that the source is benign: nobody here has judged the source.',
        ]
      : []),
    `Decided under policy ${answer.policyHash.slice(0, 12)}… as of ${answer.asOf} (seconds since 1970).`,
  ]
}

/** An answer is fresh with a few silent operators, if the policy bears them: what they said may be hidden. */
function freshnessWords({ freshness, silent }: Answer): string {
  if (freshness !== 'fresh' || silent.length === 0) return FRESHNESS[freshness]
  return `Freshness: all that the operators said is here, up to a recent time, but for ${count(silent.length, 'silent one')}, which your policy bears.`
}

function unloggedLines({ unlogged = [], unloggedVoices }: Answer): string[] {
  const title = 'Not in a log yet, not counted'
  if (unloggedVoices === undefined) return statements(title, unlogged)
  if (unloggedVoices.length === 0) return []
  return [
    `${title}:`,
    ...unloggedVoices.map(
      (voice) =>
        `  ${operatorName(voice)}: ${voice.against ? 'would be against' : 'would not be against'}, ${voice.sid.slice(0, 12)}…`,
    ),
  ]
}

function section(title: string, voices: readonly Voice[]): string[] {
  if (voices.length === 0) return []
  return [`${title}:`, ...voices.flatMap(voiceLines)]
}

function voiceLines(voice: Voice): string[] {
  const groups = voice.groups.length === 0 ? '' : ` [${voice.groups.map(printable).join(', ')}]`
  const emulated = voice.emulated === true ? ', emulated' : ''
  const blind = voice.blind === undefined ? '' : `, ${BLIND[voice.blind]}`
  const lines = [`  ${operatorName(voice)}${groups}: ${voteWords(voice)}${emulated}${blind}`]
  const { differences } = voice
  if (differences !== undefined) {
    const unlisted = differences.count - differences.paths.length
    lines.push(`    differs from the published image in ${count(differences.count, 'path')}:`)
    lines.push(...differences.paths.map((path) => `      ${printable(path)}`))
    if (unlisted > 0) lines.push(`      and ${unlisted} more`)
  }
  return lines
}

function voteWords({ vote, maps }: Voice): string {
  switch (vote.kind) {
    case 'digest':
      return `rebuilt ${shortDigest(vote.digest)}${mapWords(maps, vote.digest)}`
    case 'error':
      return `its rebuild cannot be normalized (${printable(vote.code)})${mapWords(maps)}`
    case 'self-conflict':
      return `contradicts itself: ${vote.digests.map(shortDigest).join(', ')}${mapWords(maps)}`
    case 'unstable':
      return 'its own two cold builds differ'
    case 'failed':
      return `the recipe fails (${printable(vote.stage)})`
    case 'none':
      return 'no vote'
  }
}

function mapWords(maps: Voice['maps'], vote?: string): string {
  if (maps === undefined) return '; says nothing clear of the published image'
  if (typeof maps !== 'string') return `; the published image cannot be normalized (${maps.error})`
  if (maps === vote) return '; the published image is the same'
  return `; the published image is ${shortDigest(maps)}`
}

function operators(
  title: string,
  ids: readonly OperatorId[],
  nameOf: (operator: OperatorId) => string | undefined,
): string[] {
  if (ids.length === 0) return []
  const named = ids.map((operator) => {
    const name = nameOf(operator)
    return operatorName(name === undefined ? { operator } : { operator, name })
  })
  return [`${title}: ${named.join(', ')}`]
}

function statements(title: string, sids: readonly string[]): string[] {
  if (sids.length === 0) return []
  return [`${title}: ${sids.map((sid) => `${sid.slice(0, 12)}…`).join(', ')}`]
}
