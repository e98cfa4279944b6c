/** Answers about an image, as JSON of a fixed shape and in words. cli/README.md. */
import type { VerdictReply } from '../../node/http/node-service.ts'
import type { Answer, Voice } from '../../protocol/verdict/answer.ts'
import type { Output } from './output.ts'
import { decisionSpan, faint, strong, verdictSpan, warn, type Text } from './style.ts'
import { operatorWords, shortSid } from './words.ts'

/**
 * One platform: the answer itself, with the reference and its digest in `image`. Several:
 * `{image, decision, answers}`, where `decision` is allow only if every answer's is.
 */
export function describeReply(reply: VerdictReply): Record<string, unknown> {
  const [only, ...others] = reply.answers
  if (only !== undefined && others.length === 0) return describeAnswer(reply.image, only)
  return {
    image: reply.image,
    decision: reply.decision,
    answers: reply.answers.map((answer) => describeAnswer(reply.image, answer)),
  }
}

/** Every field is there, null where there is nothing to say. */
function describeAnswer(image: string, answer: Answer): Record<string, unknown> {
  return {
    ...answer,
    image,
    version: answer.version ?? null,
    release: answer.release ?? null,
    inputDigest: answer.inputDigest ?? null,
    level: answer.level ?? null,
  }
}

export function showReply(reply: VerdictReply, out: Output): void {
  out.line(strong(reply.image))
  for (const answer of reply.answers) {
    out.line('')
    showAnswer(answer, out)
  }
}

function showAnswer(answer: Answer, out: Output): void {
  const level = answer.level === undefined ? '' : ` (${answer.level})`
  out.line(
    `  ${answer.platform}  `,
    verdictSpan(answer),
    level,
    '  ',
    decisionSpan(answer.decision),
    faint(`  ${answer.have} of ${answer.need} votes`),
  )
  if (answer.version !== undefined) out.line(`    version ${answer.version}`)
  for (const reason of answer.reasons) out.line(`    ${reason}`)
  for (const path of differingPaths(answer)) out.line('    differs: ', warn(path))
  if (answer.flags.length > 0) out.line('    flags: ', warn(answer.flags.join(', ')))
  if (answer.freshness !== 'fresh') out.line(faint(`    freshness: ${answer.freshness}`))
}

function differingPaths(answer: Answer): string[] {
  const voices = [...answer.supporters, ...answer.dissenters, ...answer.unreproduced]
  return [...new Set(voices.flatMap((voice) => voice.differences?.paths ?? []))]
}

export function showExplanation(reply: VerdictReply, out: Output): void {
  out.line(strong(reply.image))
  reply.answers.forEach((answer, index) => {
    out.line('')
    showAnswer(answer, out)
    for (const line of reply.explanation[index] ?? []) {
      if (!answer.reasons.includes(line)) out.line(`    ${line}`)
    }
    const rows: Text[][] = [
      ...answer.supporters.map((voice) => voiceRow('supports', voice)),
      ...answer.dissenters.map((voice) => voiceRow('dissents', voice)),
      ...answer.unreproduced.map((voice) => voiceRow('no vote', voice)),
      ...answer.absent.map((id) => ['absent', operatorWords(id), 'has not voted', '', '']),
      ...answer.silent.map((id) => ['silent', operatorWords(id), 'not fresh and complete', '', '']),
      ...answer.retracted.map((sid) => ['retracted', '', '', '', shortSid(sid)]),
    ]
    if (rows.length === 0) return
    out.line('')
    out.table(['part', 'operator', 'got', 'says the image is', 'statements'], rows)
  })
}

function voiceRow(part: string, voice: Voice): Text[] {
  const groups = voice.groups.length === 0 ? '' : ` [${voice.groups.join(', ')}]`
  return [
    part,
    `${operatorWords(voice.operator, voice.name)}${groups}`,
    `${voteWords(voice.vote)}${voice.emulated === true ? ' (emulated)' : ''}`,
    voice.maps === undefined
      ? '-'
      : typeof voice.maps === 'string'
        ? shortDigest(voice.maps)
        : `error ${voice.maps.error}`,
    voice.sids.map(shortSid).join(' '),
  ]
}

function voteWords(vote: Voice['vote']): string {
  switch (vote.kind) {
    case 'digest':
      return shortDigest(vote.digest)
    case 'error':
      return `error ${vote.code}`
    case 'self-conflict':
      return `contradicts itself: ${vote.digests.map(shortDigest).join(' and ')}`
    case 'unstable':
      return 'two unlike builds'
    case 'failed':
      return `build failed at ${vote.stage}`
    case 'none':
      return 'nothing that counts'
  }
}

const SHORT_HEX = 12

function shortDigest(digest: string): string {
  return digest.replace(/([0-9a-f]{12})[0-9a-f]{52}$/, '$1…').slice(0, 64 + SHORT_HEX)
}
