/**
 * A list of operators that somebody publishes for others to trust: who they are, and in which groups.
 *
 * It is a TOML file with a detached signature, as `ssh-keygen -Y sign -n rebuildnet-trust/1` makes
 * one. Its name and its signer belong together, and its serial only grows, so that nobody can hand
 * out an old list as the newest. Trust stays the user's own: a list proposes, and changes only what
 * an earlier list of its name has brought.
 */
import { toHex, utf8 } from './bytes.ts'
import { canonicalJson } from './canonical-json.ts'
import type { Crypto } from './crypto.ts'
import type { JsonValue } from './json.ts'
import { parseOperators, type Policy, type PolicyOperator } from './policy.ts'
import { PolicyTable } from './policy-table.ts'

/** The namespace under which lists are signed. */
export const TRUST_NAMESPACE = 'rebuildnet-trust/1'
const TRUST_LIST_FORMAT = 1

export interface TrustList {
  readonly name: string
  readonly serial: number
  readonly operators: readonly PolicyOperator[]
}

export interface TrustChange {
  readonly kind: 'added' | 'changed' | 'removed'
  readonly operator: PolicyOperator
  /** What the policy says now, of one that changes. */
  readonly before?: PolicyOperator
}

/** Reads a parsed list. Throws a PolicyError that names the key at fault. */
export function parseTrustList(value: unknown): TrustList {
  const file = new PolicyTable(value, '')
  const format = file.required('format', file.integer('format', 1))
  if (format > TRUST_LIST_FORMAT) {
    const reads = `is ${format}, and this rebuildnet reads ${TRUST_LIST_FORMAT}: update rebuildnet`
    file.fail('newer-format', 'format', reads)
  }
  file.only(['format', 'list', 'serial', 'operator'])
  const isName = (text: string): boolean => /^[\p{L}\p{N}][^\p{Cc}\p{Zl}\p{Zp}]{0,99}$/u.test(text)
  return {
    name: file.required('list', file.spelled('list', isName, 'the name of the list on one line')),
    serial: file.required('serial', file.integer('serial', 0)),
    operators: parseOperators(file.tables('operator')),
  }
}

/**
 * What taking `list` would change of the policy. Whom the user has added, or changed, by hand is
 * left alone: only what stands in the policy as `earlier` brought it is changed or removed.
 */
export function changesBy(
  list: TrustList,
  policy: Policy,
  earlier: readonly PolicyOperator[],
): readonly TrustChange[] {
  const known = new Map(policy.operators.map((operator) => [operator.id, operator]))
  const brought = new Map(earlier.map((operator) => [operator.id, operator]))
  const isOurs = (operator: PolicyOperator): boolean => isSame(operator, brought.get(operator.id))
  const listed = list.operators.flatMap((operator): TrustChange[] => {
    const before = known.get(operator.id)
    if (before === undefined) return [{ kind: 'added', operator }]
    if (isSame(before, operator) || !isOurs(before)) return []
    return [{ kind: 'changed', operator, before }]
  })
  const kept = new Set(list.operators.map(({ id }) => id))
  const removed = policy.operators.filter((operator) => !kept.has(operator.id) && isOurs(operator))
  return [...listed, ...removed.map((operator) => ({ kind: 'removed', operator }) as const)]
}

/** Names these changes, of this list, to this policy: what was shown is what is done. */
export function changesToken(
  list: TrustList,
  policy: Policy,
  changes: readonly TrustChange[],
  crypto: Crypto,
): string {
  // Strings, integers and lists of these, by construction.
  const value = { list, policy: policy.hash, changes } as unknown as JsonValue
  return toHex(crypto.sha256(utf8(canonicalJson(value)))).slice(0, 32)
}

function isSame(a: PolicyOperator, b: PolicyOperator | undefined): boolean {
  if (b?.id !== a.id || a.name !== b.name || a.card !== b.card) return false
  return a.groups.join('\0') === b.groups.join('\0')
}
