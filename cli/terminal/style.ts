/** Text with a meaning that a terminal may show in colour; the words say the same without it. */
import type { AlertSummary, QueueItem } from '../../node/http/node-service.ts'
import type { Answer, Decision, VerdictName } from '../../protocol/verdict/answer.ts'

export type Tone = 'plain' | 'strong' | 'faint' | 'good' | 'bad' | 'warn'

export interface Span {
  readonly text: string
  readonly tone: Tone
}

export type Text = string | Span

export const strong = (text: string): Span => ({ text, tone: 'strong' })
export const faint = (text: string): Span => ({ text, tone: 'faint' })
export const good = (text: string): Span => ({ text, tone: 'good' })
export const bad = (text: string): Span => ({ text, tone: 'bad' })
export const warn = (text: string): Span => ({ text, tone: 'warn' })

const VERDICTS: Readonly<Record<VerdictName, { glyph: string; tone: Tone }>> = {
  reproduced: { glyph: '✓', tone: 'good' },
  contradicted: { glyph: '✗', tone: 'bad' },
  diverged: { glyph: '≠', tone: 'bad' },
  unreproducible: { glyph: '~', tone: 'warn' },
  pending: { glyph: '…', tone: 'plain' },
  unknown: { glyph: '?', tone: 'faint' },
}

const DECISIONS: Readonly<Record<Decision, Tone>> = {
  allow: 'good',
  deny: 'bad',
  undecided: 'warn',
}

export function verdictSpan(answer: Pick<Answer, 'verdict'>): Span {
  const { glyph, tone } = VERDICTS[answer.verdict]
  return { text: `${glyph} ${answer.verdict}`, tone }
}

export function decisionSpan(decision: Decision): Span {
  return { text: decision, tone: DECISIONS[decision] }
}

const STATES: Readonly<Record<QueueItem['state'], Tone>> = {
  waiting: 'plain',
  running: 'strong',
  retrying: 'warn',
  done: 'good',
  failed: 'bad',
  cancelled: 'faint',
}

export function stateSpan(state: QueueItem['state']): Span {
  return { text: state, tone: STATES[state] }
}

export function alertSpan(alert: AlertSummary): Span {
  if (alert.ended !== null) return faint(`✓ ${alert.kind}`)
  return alert.severity === 'critical' ? bad(`✗ ${alert.kind}`) : warn(`! ${alert.kind}`)
}
