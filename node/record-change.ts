/** A change to be written, as a table of the store makes it; only the store looks inside. */
export type RecordChange =
  | { readonly type: 'put'; readonly key: Uint8Array; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: Uint8Array }

/** Records of a part, by their names. */
export interface RecordTable {
  get(name: string): Promise<unknown>
  putting(name: string, value: unknown): RecordChange
}
