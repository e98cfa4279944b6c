/**
 * A disk that keeps what was synced. What was only written is lost in a crash from some batch on, as
 * a write-ahead log loses its end: a batch is there or not, and none without those before it.
 */
import type { SeededRandom } from '../support/seeded-random.ts'

export type DiskChange = readonly [name: string, value: Uint8Array | undefined]

export class SimDisk {
  #synced = new Map<string, Uint8Array>()
  #batches: (readonly DiskChange[])[] = []

  write(changes: readonly DiskChange[], { sync }: { readonly sync: boolean }): void {
    this.#batches.push(changes)
    if (sync) this.#flush(this.#batches.length)
  }

  /** Names that begin with `prefix`, in order. */
  scan(prefix: string): (readonly [name: string, value: Uint8Array])[] {
    this.#flush(this.#batches.length)
    return [...this.#synced]
      .filter(([name]) => name.startsWith(prefix))
      .sort(([a], [b]) => (a < b ? -1 : 1))
  }

  get(name: string): Uint8Array | undefined {
    return this.scan(name).find(([each]) => each === name)?.[1]
  }

  /** Keeps a beginning of what was written and not synced. */
  crash(random: SeededRandom): void {
    this.#flush(random.integer(this.#batches.length + 1))
    this.#batches = []
  }

  /** A backup, as it is on the disk. */
  backup(): ReadonlyMap<string, Uint8Array> {
    return new Map(this.#synced)
  }

  restore(backup: ReadonlyMap<string, Uint8Array>): void {
    this.#synced = new Map(backup)
    this.#batches = []
  }

  #flush(count: number): void {
    for (const changes of this.#batches.splice(0, count)) {
      for (const [name, value] of changes) {
        if (value === undefined) this.#synced.delete(name)
        else this.#synced.set(name, value)
      }
    }
  }
}
