/** Differences between two images, as a comparison of trees finds them. */
import type { Difference } from '../../protocol/normalize/diff.ts'

/** A file with another content, for which its path alone gives a cause. */
export function changedFile(path: string, cause: string): Difference {
  return {
    path,
    layer: 0,
    what: ['content'],
    a: { content: '1'.repeat(64) },
    b: { content: '2'.repeat(64) },
    cause,
  }
}
