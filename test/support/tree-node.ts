/** Test nodes that keep trees and serve them. */
import { onTestFinished } from 'vitest'
import { systemClock } from '../../node/clock.ts'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { createLogger } from '../../node/logger.ts'
import { TreeStore } from '../../node/tree/tree-store.ts'
import type { NormalizedImage } from '../../protocol/normalize/image.ts'
import { imageObjects } from '../../protocol/normalize/tree-object.ts'
import { startNode, WANTS_NOTHING, type TestNode } from './network.ts'
import { temporaryFolder } from './temporary-store.ts'

export interface TreeNode extends TestNode {
  readonly trees: TreeStore
}

export async function temporaryTrees(maxBytes?: number): Promise<TreeStore> {
  const trees = new TreeStore(
    { clock: systemClock, logger: createLogger('silent'), mayWrite: () => true },
    { directory: await temporaryFolder(), ...(maxBytes === undefined ? {} : { maxBytes }) },
  )
  onTestFinished(() => trees.close())
  return trees
}

export async function startTreeNode(
  bootstrap: readonly string[] = [],
  stallMs = 30_000,
): Promise<TreeNode> {
  const trees = await temporaryTrees()
  const options = { bootstrap, treeStallMs: stallMs }
  const node = await startNode({ wants: WANTS_NOTHING, trees, options })
  return { ...node, trees }
}

export async function keepImage(trees: TreeStore, image: NormalizedImage): Promise<void> {
  await trees.keep(imageObjects({ crypto: nodeCrypto }, image))
}
