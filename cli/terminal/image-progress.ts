/** How far the reading of an image is: a bar, bytes and their rate, on a terminal only. */
import type { NormalizeProgress } from '../../node/image/normalizer.ts'
import type { Output } from './output.ts'
import { bytesWords } from './words.ts'

const MIN_INTERVAL_MS = 100
const BAR_CHARACTERS = 24

export interface ProgressOptions {
  /** Milliseconds that only grow. */
  readonly now?: () => number
}

/** A listener that shows at most ten lines a second. */
export function showImageProgress(
  image: string,
  out: Pick<Output, 'progress'>,
  { now = () => performance.now() }: ProgressOptions = {},
): (progress: NormalizeProgress) => void {
  const started = now()
  let last = -Infinity
  return ({ bytes, totalBytes }) => {
    const at = now()
    if (at - last < MIN_INTERVAL_MS) return
    last = at
    const part = totalBytes === 0 ? 1 : bytes / totalBytes
    const full = Math.floor(part * BAR_CHARACTERS)
    const bar = '█'.repeat(full) + '░'.repeat(BAR_CHARACTERS - full)
    const elapsed = at - started
    const rate =
      elapsed < MIN_INTERVAL_MS ? '' : `${bytesWords(Math.round((bytes / elapsed) * 1000))}/s  `
    out.progress(
      `${bar} ${Math.floor(part * 100)} %  ${bytesWords(bytes)} of ${bytesWords(totalBytes)}  ${rate}${image}`,
    )
  }
}
