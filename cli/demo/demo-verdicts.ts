/** What the demo must come to, and the table that it ends with. */
import type { Answer } from '../../protocol/verdict/answer.ts'
import { TAMPERED_PATH, type DemoRelease } from './demo-project.ts'

export interface DemoOutcome {
  readonly release: DemoRelease
  readonly answer: Answer
}

const EXPECTED = {
  honest: { verdict: 'reproduced', decision: 'allow' },
  tampered: { verdict: 'contradicted', decision: 'deny' },
  random: { verdict: 'unreproducible', decision: 'deny' },
} as const

/** Escaped paths that any operator found to differ from the published image. */
function differingPaths(answer: Answer): string[] {
  const voices = [...answer.supporters, ...answer.dissenters, ...answer.unreproduced]
  return [...new Set(voices.flatMap(({ differences }) => differences?.paths ?? []))]
}

/** Why an outcome is not what it must be; empty where it is. */
export function objections({ release, answer }: DemoOutcome): string[] {
  const expected = EXPECTED[release.kind]
  const found: string[] = []
  if (answer.verdict !== expected.verdict || answer.decision !== expected.decision) {
    found.push(
      `${release.version} is ${answer.verdict}/${answer.decision}, not ${expected.verdict}/${expected.decision}`,
    )
  }
  if (release.kind === 'tampered' && !differingPaths(answer).includes(TAMPERED_PATH)) {
    found.push(`${release.version}: no one names the file ${TAMPERED_PATH}`)
  }
  return found
}

export function isSettled({ release, answer }: DemoOutcome, rebuilders: number): boolean {
  const voices = answer.supporters.length + answer.dissenters.length + answer.unreproduced.length
  return objections({ release, answer }).length === 0 && voices >= rebuilders
}

export function describeOutcome({ release, answer }: DemoOutcome): Record<string, unknown> {
  const voices = [...answer.supporters, ...answer.dissenters, ...answer.unreproduced]
  return {
    version: release.version,
    platform: answer.platform,
    verdict: answer.verdict,
    decision: answer.decision,
    level: answer.level ?? null,
    support: answer.supporters.length,
    dissent: answer.dissenters.length,
    operators: voices.map(({ operator, name, vote }) => ({
      operator,
      name: name ?? null,
      vote: vote.kind,
    })),
  }
}

const STORY = {
  honest: 'built and pushed as it is',
  tampered: 'one file changed after the build',
  random: 'its recipe embeds randomness',
} as const

/** The table, one line a row. */
export function renderOutcomes(outcomes: readonly DemoOutcome[]): string[] {
  const rows = outcomes.map(({ release, answer }) => [
    release.version,
    STORY[release.kind],
    answer.verdict,
    answer.decision.toUpperCase(),
    why(answer),
  ])
  const table = [['release', 'what was published', 'verdict', 'decision', 'why'], ...rows]
  const widths = [0, 1, 2, 3].map((column) =>
    Math.max(...table.map((row) => row[column]?.length ?? 0)),
  )
  return table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  )
}

function why(answer: Answer): string {
  const paths = differingPaths(answer)
  if (answer.verdict === 'reproduced') {
    return `${answer.supporters.length} rebuilders got the published image`
  }
  if (answer.verdict === 'contradicted') {
    const agreeing = answer.dissenters.length + answer.supporters.length
    return `${agreeing} rebuilders agree with one another, not with the registry: ${paths.join(', ')} differs`
  }
  if (answer.verdict === 'unreproducible') {
    return `${answer.unreproduced.length} rebuilders found their own two builds unlike`
  }
  return answer.reasons[0] ?? ''
}
