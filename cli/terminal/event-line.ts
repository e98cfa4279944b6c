/** What happens at a node, one line each. */
import type { NodeEvent } from '../../node/http/node-service.ts'
import {
  alertSpan,
  decisionSpan,
  faint,
  stateSpan,
  strong,
  verdictSpan,
  type Text,
} from './style.ts'
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
      const { image, version, platform, reasons } = event.data
      return lasting(
        alertSpan(event.data),
        `  ${image} ${version} ${platform}: ${reasons[0] ?? ''}`,
      )
    }
    case 'queue': {
      const { image, version, platform, state, stage, detail } = event.data
      const line = [stateSpan(state), `  ${image} ${version} ${platform}  ${stage}  ${detail}`]
      return { line, passing: state === 'running' }
    }
    case 'peer':
      return lasting(faint(`peer ${event.data.peerId} ${event.data.state}`))
  }
}

function lasting(...line: Text[]): EventLine {
  return { line, passing: false }
}
