/**
 * The peers that served longest, remembered over a restart and dialled first: a node that starts
 * anew is easiest to eclipse, and whom it knew before an attacker came is not the attacker's.
 *
 * A cache: a file that cannot be read or written costs a warning, never the start.
 */
import { readFile } from 'node:fs/promises'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { z } from 'zod'
import { writeFileAtomic } from '../atomic-file.ts'
import type { Logger } from '../logger.ts'
import { MAX_ANCHORS } from './limits.ts'

const MAX_ADDRESSES = 8

const fileSchema = z.object({
  format: z.literal(1),
  peers: z.array(z.array(z.string().max(512)).min(1).max(MAX_ADDRESSES)).max(MAX_ANCHORS),
})

/** The addresses of one peer, with its peer id. */
export type Anchor = readonly string[]

export class Anchors {
  readonly #path: string | undefined
  readonly #logger: Logger
  #written: string | undefined

  /** Without a path nothing is remembered. */
  constructor(path: string | undefined, logger: Logger) {
    this.#path = path
    this.#logger = logger
  }

  async load(): Promise<readonly (readonly Multiaddr[])[]> {
    if (this.#path === undefined) return []
    try {
      const text = await readFile(this.#path, 'utf8')
      const { peers } = fileSchema.parse(JSON.parse(text))
      this.#written = text
      return peers.map((addresses) => addresses.map((address) => multiaddr(address)))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') {
        this.#logger.warn(
          { path: this.#path },
          'the remembered peers cannot be read; none are used',
        )
      }
      return []
    }
  }

  /** `anchors` with the longest-lived first. An empty list leaves what is remembered: it is better than nothing. */
  async save(anchors: readonly Anchor[]): Promise<void> {
    if (this.#path === undefined || anchors.length === 0) return
    const peers = anchors.slice(0, MAX_ANCHORS).map((each) => each.slice(0, MAX_ADDRESSES))
    const text = `${JSON.stringify({ format: 1, peers })}\n`
    if (text === this.#written) return
    try {
      await writeFileAtomic(this.#path, text)
      this.#written = text
    } catch (error) {
      this.#logger.warn({ err: error }, 'the longest-lived peers cannot be remembered')
    }
  }
}
