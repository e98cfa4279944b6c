/**
 * What differs between two images of which only the digests are known: from the trees that are kept
 * here, and from connected peers what is missing of them.
 */
import type { Crypto } from '../protocol/crypto.ts'
import type { Difference } from '../protocol/normalize/diff.ts'
import { parseTreeDigest } from '../protocol/normalize/partial-image.ts'
import { parseProfile, type Profile } from '../protocol/normalize/profile.ts'
import { type ComparedImage, TreeComparison } from '../protocol/normalize/tree-comparison.ts'
import { TreeObjectError } from '../protocol/normalize/tree-object-error.ts'
import type { ImageDigests, LevelDigest } from '../protocol/rebuild.ts'
import { ConfigError } from './config-error.ts'
import type { NodeNetwork } from './node-parts.ts'
import { StoredWalk, type KeptTrees } from './tree/stored-walk.ts'

export type VotingLevel = 'normalized' | 'rootfs'

export interface TreeQuestion {
  readonly profile: string
  readonly level: VotingLevel
  readonly a: ImageDigests
  readonly b: ImageDigests
  /** Differences that are listed; all are counted. */
  readonly maxListed: number
}

export interface TreeReport {
  readonly equal: 'normalized' | 'rootfs' | 'none'
  readonly count: number
  readonly differences: readonly Difference[]
  /** Bytes that were moved for it, and peers that were asked. */
  readonly moved: { readonly sent: number; readonly received: number; readonly peers: number }
}

export interface TreeParts {
  readonly crypto: Crypto
  readonly trees: KeptTrees
  readonly network: NodeNetwork | undefined
}

/** Throws ConfigError where a digest is missing, where no peer has the trees, or where they are none. */
export async function compareTrees(
  { crypto, trees, network }: TreeParts,
  question: TreeQuestion,
  signal: AbortSignal,
): Promise<TreeReport> {
  const profile = parseProfile(question.profile)
  const [a, b] = [question.a, question.b].map((digests) =>
    compared(digests, profile, question.level),
  )
  if (a === undefined || b === undefined) throw new Error('two images are compared')
  const comparison = new TreeComparison({ crypto }, { profile, a, b, level: question.level })
  const walk = new StoredWalk({ trees }, comparison)
  try {
    const nothing = { sent: 0, received: 0, peers: 0 }
    const here = (await walk.wanted()).length === 0
    const moved = here || network === undefined ? nothing : await network.walkTrees(walk, signal)
    const missing = (await walk.wanted()).length
    if (missing > 0) {
      throw new ConfigError(
        'not-found',
        network === undefined
          ? 'the trees of these images are not kept here: start the node, so that it can ask its peers for them'
          : `of ${moved.peers} peers that were asked none gave ${missing} parts of these trees: try again when a node that built or fetched the image is connected; a directory of more than some 50,000 names is given by none`,
      )
    }
    const { sent, received, peers } = moved
    return { ...(await walk.finish(question.maxListed)), moved: { sent, received, peers } }
  } catch (error) {
    if (!(error instanceof TreeObjectError)) throw error
    throw new ConfigError('refused', error.message)
  }
}

export function levelDigest(digests: ImageDigests, level: VotingLevel): LevelDigest {
  return level === 'rootfs' ? digests.rootfsDigest : digests.normalizedDigest
}

function compared(digests: ImageDigests, profile: Profile, level: VotingLevel): ComparedImage {
  const wanted = levelDigest(digests, level)
  if (typeof wanted !== 'string') {
    throw new ConfigError(
      'refused',
      `one of the images has no digest at level ${level} (${wanted.error})`,
    )
  }
  const hash = (digest: LevelDigest): string | undefined =>
    typeof digest === 'string' ? parseTreeDigest(digest, profile) : undefined
  const image = hash(digests.normalizedDigest)
  if (image === undefined)
    throw new ConfigError('refused', 'one of the images has no digest of the profile')
  return { image, rootfs: hash(digests.rootfsDigest) }
}
