/** The peak of memory at the most entries that a layer, and that an image, may have. */
import { execFile } from 'node:child_process'
import { access, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { writeCrowdedImage } from '../support/crowded-image.ts'
import { figure, folder, heading, say } from './report.ts'

/** Directories are entries too. */
const DIRECTORIES = 1000
const ENTRIES = 1_000_000 - DIRECTORIES - 2
const LIMIT_BYTES = 250e6

export async function benchMemory(): Promise<void> {
  heading('memory, as a part of 250 MB')
  for (const layers of [1, 4]) {
    const layout = join(folder, `crowded-${layers}`)
    const isThere = await access(layout).then(
      () => true,
      () => false,
    )
    if (!isThere) {
      say(`making ${layout}`)
      await rm(`${layout}.tmp`, { recursive: true, force: true })
      const image = { layers, entries: ENTRIES, directories: DIRECTORIES }
      await writeCrowdedImage(`${layout}.tmp`, image)
      await rename(`${layout}.tmp`, layout)
    }
    const script = join(import.meta.dirname, 'measure.mjs')
    const run = promisify(execFile)
    const { stdout } = await run(process.execPath, [script, `oci:${layout}`, 'builtin'])
    const { maxRssBytes } = JSON.parse(stdout) as { readonly maxRssBytes: number }
    const name = `${layers} layer(s) of 10^6 entries: peak / 250 MB`
    figure(name, maxRssBytes / LIMIT_BYTES, '', { atMost: 1 })
  }
}
