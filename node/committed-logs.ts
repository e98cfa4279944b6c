/**
 * How far this node has seen the logs of those who have committed to results of a release: what a
 * release that publishes an image lists, so that all can tell what was promised before it.
 */
import { MAX_LISTED_LOGS, type ListedLog } from '../protocol/blind/listed-logs.ts'
import { buildInputOf, inputDigestOf } from '../protocol/input-digest.ts'
import type { OperatorId } from '../protocol/identifiers.ts'
import type { LogBook } from '../protocol/log/log-book.ts'
import type { Release } from '../protocol/release.ts'
import type { NodeParts } from './node-parts.ts'

/** What it needs of a node's parts. */
interface CommittedLogsParts extends Pick<NodeParts, 'crypto' | 'store'> {
  readonly signers: Pick<NodeParts['signers'], 'operatorOf'>
  readonly logs: { readonly book: Pick<LogBook, 'head' | 'leafOf'> }
  readonly policy: {
    readonly lastPolicy: { readonly operators: readonly { readonly id: OperatorId }[] }
  }
}

/** Sorted by origin; empty for a release that publishes nothing. */
export async function committedLogs(
  { store, crypto, signers, logs, policy }: CommittedLogsParts,
  release: Release,
): Promise<readonly ListedLog[]> {
  const inputs = new Set(
    release.platforms.flatMap(({ platform, manifestDigest }) =>
      manifestDigest === undefined ? [] : [inputDigestOf(buildInputOf(release, platform), crypto)],
    ),
  )
  if (inputs.size === 0) return []
  const trusted = new Set(policy.lastPolicy.operators.map(({ id }) => id))
  const [first, others] = [new Map<string, ListedLog>(), new Map<string, ListedLog>()]
  for (const { sid, key, body } of await store.statements.ofImage(release.image, 'commitment')) {
    const operator = signers.operatorOf(key)
    if (!inputs.has(body.inputDigest) || operator === undefined) continue
    const leaf = logs.book.leafOf(sid, key, operator)
    const head = leaf === undefined ? undefined : logs.book.head(leaf.origin.text)
    if (head === undefined) continue
    const listed = { origin: head.origin.text, size: head.size, root: head.root }
    const part = trusted.has(operator) ? first : others
    part.set(listed.origin, listed)
  }
  return [...first.values(), ...others.values()]
    .slice(0, MAX_LISTED_LOGS)
    .sort((a, b) => (a.origin < b.origin ? -1 : 1))
}
