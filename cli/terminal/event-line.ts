/** What happens at a node, one line each. */
import type { AlertSummary, NodeEvent } from '../../node/http/node-service.ts'
import {
  alertSpan,
  decisionSpan,
  faint,
  stateSpan,
  strong,
  verdictSpan,
  warn,
  type Text,
} from './style.ts'
import { tagWords } from './watch-report.ts'
import { operatorWords, shortSid } from './words.ts'

export interface EventLine {
  readonly line: readonly Text[]
  /** Progress of a build: the next line may take its place. */
  readonly passing: boolean
}

export function describeEvent(event: NodeEvent): EventLine {
  switch (event.type) {
    case 'statement': {
      const { sid, kind, operator, summary } = event.data
      const who = operatorWords(operator)
      return lasting(faint(shortSid(sid)), `  ${kind} by ${who}: ${summary}`)
    }
    case 'verdict': {
      const { image, version, platform, decision } = event.data
      return lasting(
        verdictSpan(event.data),
        '  ',
        strong(`${image} ${version ?? ''} ${platform}`),
        '  ',
        decisionSpan(decision),
      )
    }
    case 'alert': {
      const [reason = ''] = event.data.reasons
      return lasting(alertSpan(event.data), `  ${alertSubject(event.data)}: ${reason}`)
    }
    case 'queue': {
      const { image, version, platform, state, stage, detail } = event.data
      const line = [stateSpan(state), `  ${image} ${version} ${platform}  ${stage}  ${detail}`]
      return { line, passing: state === 'running' }
    }
    case 'watch': {
      const { image, trouble, tags } = event.data
      const [newest] = tags
      const words = newest === undefined ? 'nothing new' : tagWords(newest)
      return lasting(`watch ${image}  `, trouble === null ? words : warn(trouble))
    }
    case 'peer':
      return lasting(faint(`peer ${event.data.peerId} ${event.data.state}`))
  }
}

/** What an alert is about. */
export function alertSubject({ image, version, platform, operator }: AlertSummary): string {
  if (image === null) return operatorWords(operator ?? null)
  return `${image} ${version} ${platform ?? ''}`
}

function lasting(...line: Text[]): EventLine {
  return { line, passing: false }
}
