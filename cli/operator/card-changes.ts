/** What one card says otherwise than the one before, in words: what somebody is asked to sign. */
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import type { OperatorCard } from '../../protocol/operator-card.ts'
import { describeRootKey, isSameRootKey } from '../../protocol/root-key.ts'
import { timeWords } from '../terminal/words.ts'

export function cardChanges(before: OperatorCard, after: OperatorCard): readonly string[] {
  const kept = new Set(before.keys)
  const now = new Set(after.keys)
  const claims = new Set([...Object.keys(before.claims), ...Object.keys(after.claims)])
  return [
    ...(before.name === after.name ? [] : [`name: ${before.name} becomes ${after.name}`]),
    ...(before.contact === after.contact
      ? []
      : [`contact: ${before.contact || 'none'} becomes ${after.contact || 'none'}`]),
    ...[...claims].sort().flatMap((name) => {
      const [old, fresh] = [before.claims[name], after.claims[name]]
      return old === fresh ? [] : [`claim ${name}: ${old ?? 'none'} becomes ${fresh ?? 'none'}`]
    }),
    ...after.keys.filter((key) => !kept.has(key)).map((key) => `new signing key ${key}`),
    ...before.keys.filter((key) => !now.has(key)).map((key) => `no longer signing key ${key}`),
    ...(isSameRootKey(before.rootKey, after.rootKey)
      ? []
      : [`new root key ${describeRootKey(after.rootKey, nodeCrypto)}`]),
    ...(after.revocations ?? []).map(
      ({ origin, size }) => `only the first ${size} entries count of the log ${origin}`,
    ),
    `good until ${timeWords(after.expires)}`,
  ]
}
