/**
 * What alerts need of a store: two tables of JSON records, and batches across them.
 *
 * The store checks each record that it reads and has a format number of its own, so a record here
 * is one that this part wrote.
 */
import type { RecordChange } from '../record-change.ts'

interface AlertTable {
  all(): Promise<readonly unknown[]>
  /** From `gte` to before `lt`, in the order of the names. */
  range(range: {
    readonly gte?: string
    readonly lt?: string
    readonly reverse?: boolean
    readonly limit?: number
  }): Promise<readonly (readonly [name: string, value: unknown])[]>
  putting(name: string, value: unknown): RecordChange
  deleting(name: string): RecordChange
}

export interface AlertStore {
  readonly alerts: AlertTable
  readonly deliveries: AlertTable
  /** All changes or none; with `sync` they are on the disk when this resolves. */
  write(changes: readonly RecordChange[], options?: { readonly sync?: boolean }): Promise<void>
}
