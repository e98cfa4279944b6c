/**
 * The own operator as its data folder has it: commands that make cards work on the folder, in this
 * process, since it is here that somebody can be asked for a passphrase or a touch. The node, where
 * one runs, is handed the finished card.
 */
import { existsSync } from 'node:fs'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { loadSigningKey, type SigningKey } from '../../node/crypto/signing-key.ts'
import { openDataFolder, type DataFolder } from '../../node/data-folder.ts'
import { loadOperatorIdentity, type OperatorIdentity } from '../../node/operator-identity.ts'
import { findRootSigner, openRootSigner, type RootSigner } from '../../node/root-signer.ts'
import type { OperatorCard } from '../../protocol/operator-card.ts'
import { isSameRootKey } from '../../protocol/root-key.ts'
import { CliError } from '../cli-error.ts'
import type { Context } from '../context.ts'

export interface OwnOperator {
  readonly folder: DataFolder
  readonly identity: OperatorIdentity
}

export async function openOwnOperator({ dataFolder }: Context): Promise<OwnOperator> {
  const folder = await openDataFolder(dataFolder)
  if (!existsSync(folder.card)) {
    throw new CliError(
      'file',
      'this node has no card yet: hand its draft to whoever holds the root key, and take the card with "rebuildnet operator import CARD"',
    )
  }
  return { folder, identity: await loadOperatorIdentity(folder, nodeCrypto) }
}

/** The root keys that must agree to `card` and can be had here: `file` where one is named. */
export async function rootsFor(
  { folder }: Pick<OwnOperator, 'folder'>,
  card: OperatorCard,
  file: string | undefined,
  more: readonly RootSigner[] = [],
): Promise<readonly RootSigner[]> {
  const needed = [card.rootKey, card.previous?.rootKey ?? card.rootKey]
  const roots: RootSigner[] = [...more]
  if (file !== undefined) {
    const named = await openRootSigner(file)
    if (!needed.some((key) => isSameRootKey(key, named.rootKey))) {
      throw new CliError('file', `${file} is not the root key of this operator: name the right one`)
    }
    roots.push(named)
  }
  for (const rootKey of needed) {
    if (roots.some((root) => isSameRootKey(root.rootKey, rootKey))) continue
    const found = await findRootSigner(folder, rootKey, undefined)
    if (found !== undefined) roots.push(found)
  }
  return roots
}

/** The signing key that waits for a card which lists it, if there is one. */
export async function nextSigningKey(folder: DataFolder): Promise<SigningKey | undefined> {
  return existsSync(folder.nextSigningKey) ? loadSigningKey(folder.nextSigningKey) : undefined
}

/** Keys are changed below a node that stands still: one that runs would go on with the old one. */
export async function requireStopped(context: Context): Promise<void> {
  if (await context.withNode(async ({ running }) => running)) {
    throw new CliError(
      'not-available',
      'the signing key changes: stop the node first, and start it again after',
    )
  }
}
