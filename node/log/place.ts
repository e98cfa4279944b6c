/**
 * Where the store was when a peer last said what it knows of the own log. A folder that was copied, or
 * restored from a backup, is another folder: its operator may have gone on elsewhere. What was put back
 * into the same folder, or with the whole disk, is not noticed by this.
 */
import { stat } from 'node:fs/promises'
import type { RecordChange, RecordTable } from '../record-change.ts'

const RECORD = 'place'

export class Place {
  readonly #table: RecordTable
  readonly #directory: string
  #known: unknown
  #isOther = false

  constructor(components: { readonly table: RecordTable }, directory: string) {
    this.#table = components.table
    this.#directory = directory
  }

  /** Whether it is another than was written down. */
  get isOther(): boolean {
    return this.#isOther
  }

  async load(): Promise<void> {
    this.#known = await this.#table.get(RECORD)
    this.#isOther = this.#known !== undefined && this.#known !== (await this.#here())
  }

  /** The change that writes down where the store is now, where it must; it is no other from then on. */
  async writingDown(): Promise<readonly RecordChange[]> {
    const here = await this.#here()
    this.#isOther = false
    if (this.#known === here) return []
    this.#known = here
    return [this.#table.putting(RECORD, here)]
  }

  async #here(): Promise<string> {
    const { ino } = await stat(this.#directory, { bigint: true })
    return String(ino)
  }
}
