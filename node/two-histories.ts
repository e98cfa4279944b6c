/** One alert for each operator that the user named and that told two histories. */
import type { OperatorId } from '../protocol/identifiers.ts'
import type { NodeParts } from './node-parts.ts'

export async function alertOfTwoHistories(
  parts: Pick<NodeParts, 'alerts' | 'logs' | 'wanted'>,
): Promise<void> {
  const wanted = parts.wanted()
  const found = new Map<OperatorId, string[]>()
  for (const { operator, words, id } of parts.logs.book.proofs()) {
    if (!wanted.has(operator)) continue
    const reasons = found.get(operator) ?? []
    reasons.push(`${operator} told two histories: ${words}. Proof ${id.slice(0, 12)}.`)
    found.set(operator, reasons)
  }
  const findings = [...found].map(([operator, reasons]) => ({ operator, reasons }))
  await parts.alerts.observeOperators('equivocation', findings, parts.logs.time.seconds())
}
