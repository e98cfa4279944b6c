/** How up to date the node is about each trusted operator, and its own log, in words. */
import type { LogStatus, OperatorLogSummary } from '../../node/http/log-summary.ts'
import { bad, faint, good, warn, type Text } from './style.ts'
import { countWords, durationWords, operatorWords, timeWords } from './words.ts'

const MISSING: Readonly<Record<OperatorLogSummary['missing'][number], string>> = {
  'no-card': 'its card is not here',
  card: 'the card that its head names is not here',
  log: 'no head of one of its logs is here',
  seal: 'a closed log is not here to its end',
  statements: 'statements are missing',
}

export function missingWords({ missing, missingStatements }: OperatorLogSummary): string[] {
  return missing.map((reason) =>
    reason === 'statements'
      ? `${countWords(missingStatements, 'statement')} missing`
      : MISSING[reason],
  )
}

/** One line: who, how old the newest head is, and whether everything under it is here. */
export function operatorLogText(logs: OperatorLogSummary): Text {
  const who = operatorWords(logs.operator, logs.name)
  if (logs.equivocation !== null) {
    const { words, id } = logs.equivocation
    return bad(`${who}: told two histories (${words}; proof ${id.slice(0, 12)})`)
  }
  const age =
    logs.ageSeconds === null
      ? 'no head is here'
      : `newest head ${durationWords(logs.ageSeconds)} old`
  if (logs.complete) {
    const line = `${who}: ${age}, everything under it is here`
    return logs.fresh ? good(line) : warn(`${line}; too old for your policy`)
  }
  const missing = missingWords(logs)
  // Said already by the age.
  const reasons =
    logs.newestHead === null ? missing.filter((each) => each !== MISSING.log) : missing
  return warn([`${who}: ${age}`, ...reasons].join('; '))
}

/** The own log and the clock, as facts. */
export function ownLogFacts({
  own,
  clockBehind,
}: LogStatus): (readonly [label: string, value: Text])[] {
  const { head, size, signing, shared, halted, reopened, origin } = own
  const number = origin.slice(origin.lastIndexOf('/') + 1)
  const signed =
    head === null
      ? 'no head signed yet'
      : `head of ${timeWords(head.time)}${head.size === size ? '' : ` covers ${head.size}`}`
  const waits = signing ? '' : '; none is signed before a peer has said what it knows of it'
  return [
    ['own log', `log ${number}, ${countWords(size, 'entry', 'entries')}, ${signed}${waits}`],
    ...(reopened === null
      ? []
      : [
          [
            '',
            warn(`log ${reopened.n} was begun on ${timeWords(reopened.at)}: ${reopened.why}`),
          ] as const,
        ]),
    ...(shared ? [['', bad(sharedWords(halted))] as const] : []),
    ...(clockBehind === null
      ? []
      : [
          [
            'clock',
            bad(
              `behind by ${durationWords(clockBehind)} what was written down here: nothing is allowed until it is right; if it is, and was ahead before, stop the node and run "rebuildnet fsck --believe-clock"`,
            ),
          ] as const,
        ]),
  ]
}

function sharedWords(halted: boolean): string {
  const more = halted ? '; no more heads are signed here until it is started again' : ''
  return `another node signs with the key of this one: stop one of them for good, since each needs a key of its own${more}`
}

export function logFacts(logs: readonly OperatorLogSummary[]): (readonly [string, Text])[] {
  if (logs.length === 0) return [['heard of', faint('nobody is trusted yet')]]
  return logs.map((each, i) => [i === 0 ? 'heard of' : '', operatorLogText(each)] as const)
}
