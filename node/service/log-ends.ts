/**
 * Where a log of this operator stands: what a card names in order to end it.
 *
 * The root is that of the first leaves as they are here, under a head that its owner signed; a size
 * may be named that is smaller, for a key whose later entries are a thief's.
 */
import type { KeyHex } from '../../protocol/identifiers.ts'
import { leafBytes, LEAF_SLOT_BYTES } from '../../protocol/log/leaf.ts'
import { rootOfLeaves } from '../../protocol/log/merkle.ts'
import { makeOrigin } from '../../protocol/log/origin.ts'
import type { Revocation } from '../../protocol/revocation.ts'
import { ConfigError } from '../config-error.ts'
import type { NodeParts } from '../node-parts.ts'

export function logEnd(
  { logs, identity, crypto }: Pick<NodeParts, 'logs' | 'identity' | 'crypto'>,
  key: KeyHex,
  size: number | undefined,
): Revocation {
  const { operator } = identity.card.body
  // Nothing of it counts, whether it was ever seen or not.
  if (size === 0) {
    return { origin: makeOrigin(operator, key, 0).text, size, root: rootOfLeaves([], crypto) }
  }
  const log = logs.book.logsOf(operator, key).findLast(({ head }) => head !== undefined)
  if (log?.head === undefined) {
    throw new ConfigError(
      'not-found',
      `no log of ${key} is here under a head: start the node, so that it hears of one, or say with --size 0 that nothing of it counts`,
    )
  }
  const { origin, head } = log
  const end = size ?? head.size
  if (end > head.size) {
    throw new ConfigError('bad-value', `${origin.text} has ${head.size} entries, fewer than ${end}`)
  }
  if (size === undefined && key === identity.key.publicKey && isLonger(logs, head.size)) {
    throw new ConfigError(
      'refused',
      'the last entries of the own log are not under a head yet: start the node, and try again when "rebuildnet status" says that it has signed them',
    )
  }
  const slots = logs.book.entries(origin.text, 0, end)
  const leaves = Array.from({ length: end }, (_, i) =>
    leafBytes(slots.subarray(i * LEAF_SLOT_BYTES, (i + 1) * LEAF_SLOT_BYTES)),
  )
  return { origin: origin.text, size: end, root: rootOfLeaves(leaves, crypto) }
}

function isLonger({ own }: NodeParts['logs'], size: number): boolean {
  return own.state().size > size
}
