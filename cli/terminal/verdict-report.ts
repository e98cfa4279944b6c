/** Answers about an image, as JSON of a fixed shape and in words. cli/README.md. */
import type { VerdictReply } from '../../node/http/node-service.ts'
import type { Answer, Voice } from '../../protocol/verdict/answer.ts'
import { missingWords, operatorLogText } from './log-report.ts'
import type { Output } from './output.ts'
import { decisionSpan, faint, strong, verdictSpan, warn, type Text } from './style.ts'
import { countWords, operatorWords, shortSid, timeWords } from './words.ts'

/**
 * One platform: the answer itself, with the reference and its digest in `image`. Several:
 * `{image, decision, answers}`, where `decision` is allow only if every answer's is.
 */
export function describeReply(reply: VerdictReply): Record<string, unknown> {
  const [only, ...others] = reply.answers
  const warnings = reply.warnings ?? []
  if (only !== undefined && others.length === 0) {
    return { ...describeAnswer(reply.image, only), warnings }
  }
  return {
    image: reply.image,
    decision: reply.decision,
    warnings,
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
  showWarnings(reply, out)
  for (const answer of reply.answers) {
    out.line('')
    showVerdict(answer, out)
    for (const reason of answer.reasons) out.line(`    ${reason}`)
    for (const path of unsaidPaths(answer)) out.line('    differs: ', warn(path))
    if (answer.flags.length > 0) out.line('    flags: ', warn(answer.flags.join(', ')))
    if (answer.freshness !== 'fresh') out.line(faint(`    freshness: ${answer.freshness}`))
    else if (answer.silent.length > 0) out.line('    ', warn(borneSilence(answer, reply)))
  }
}

/** An `allow` may stand although some are not heard of: then whose dissent could be hidden is said. */
function borneSilence({ silent }: Answer, { logs = [] }: VerdictReply): string {
  const named = silent.map((operator) => {
    const known = logs.find((each) => each.operator === operator)
    if (known === undefined) return operatorWords(operator)
    const missing = missingWords(known).join(', ')
    const who = operatorWords(operator, known.name)
    return missing === '' ? who : `${who} (${missing})`
  })
  const what = silent.length === 1 ? 'what it said' : 'what they said'
  return `${silent.length} silent: ${named.join(', ')}, which your policy bears: ${what} may be hidden from you`
}

/** What is wrong with the policy itself concerns every answer. */
function showWarnings(reply: VerdictReply, out: Output): void {
  for (const warning of reply.warnings ?? []) out.line(warn(`your policy is ${warning}`))
}

function showVerdict(answer: Answer, out: Output): void {
  const level = answer.level === undefined ? '' : ` (${answer.level})`
  out.line(
    `  ${answer.platform}  `,
    verdictSpan(answer),
    level,
    '  ',
    decisionSpan(answer.decision),
    faint(`  ${countWords(answer.have, 'vote')}, ${answer.need} needed`),
  )
  if (answer.version !== undefined) out.line(`    version ${answer.version}`)
}

/** Paths that differ and that no reason names already. */
function unsaidPaths(answer: Answer): string[] {
  const voices = [...answer.supporters, ...answer.dissenters, ...answer.unreproduced]
  const paths = new Set(voices.flatMap((voice) => voice.differences?.paths ?? []))
  return [...paths].filter((path) => !answer.reasons.some((reason) => reason.includes(path)))
}

/** Everything once: the verdict, its explanation, and the statements that anybody can look up. */
export function showExplanation(reply: VerdictReply, out: Output): void {
  out.line(strong(reply.image))
  showWarnings(reply, out)
  reply.answers.forEach((answer, index) => {
    out.line('')
    showVerdict(answer, out)
    for (const line of reply.explanation[index] ?? []) {
      // Which image it is stands above already.
      if (!line.startsWith(`${answer.image}@`)) out.line(`    ${withDate(line)}`)
    }
    const rows = [
      ...answer.supporters.map((voice) => voiceRow('for', voice)),
      ...answer.dissenters.map((voice) => voiceRow('against', voice)),
      ...answer.unreproduced.map((voice) => voiceRow('no image', voice)),
      ...answer.retracted.map((sid) => ['taken back', '', shortSid(sid)]),
    ]
    if (rows.length === 0) return
    out.line('')
    out.table(['said', 'by', 'statements: see "rebuildnet log STATEMENT"'], rows)
  })
  showLogs(reply, out)
}

function showLogs({ logs = [] }: VerdictReply, out: Output): void {
  if (logs.length === 0) return
  out.line('')
  out.line(faint('how up to date this is'))
  for (const each of logs) out.line('    ', operatorLogText(each))
}

function voiceRow(said: string, { operator, name, sids }: Voice): Text[] {
  return [said, operatorWords(operator, name), sids.map(shortSid).join(' ')]
}

/** An explanation knows no calendar: it says when as seconds. */
function withDate(line: string): string {
  return line.replace(
    /\b([0-9]{1,12}) \(seconds since 1970\)/,
    (_, seconds: string) => `${timeWords(Number(seconds))} UTC`,
  )
}
