/** How far the reading of an image is, on a terminal only. */
import type { NormalizeProgress } from '../../node/image/normalizer.ts'
import type { Output } from './output.ts'
import { bytesWords } from './words.ts'

const MIN_INTERVAL_MS = 100

/** A listener that shows at most ten lines a second. */
export function showImageProgress(
  image: string,
  out: Output,
): (progress: NormalizeProgress) => void {
  let last = 0
  return ({ layer, layers, bytes, totalBytes }) => {
    const now = performance.now()
    if (now - last < MIN_INTERVAL_MS) return
    last = now
    const percent = totalBytes === 0 ? 100 : Math.floor((bytes / totalBytes) * 100)
    out.progress(
      `${image}: layer ${layer + 1} of ${layers}, ${percent} % of ${bytesWords(totalBytes)}`,
    )
  }
}
