/**
 * The hardlinks of a layer to paths that are not in it, by these paths: all of them may still turn
 * out to be wrong when the layer ends. Each may be of another path, so little of them is in memory.
 */
import type { ByteString } from './byte-string.ts'
import { EntryTable } from './entry-table.ts'
import type { HashKey } from './half-sip-hash.ts'
import { BytesReader, type TreeBytes } from './tree-bytes.ts'
import type { RecordWriter } from './tree-record.ts'

export interface Xlink {
  /** Where the record of its leaf is. */
  readonly record: number
  readonly firstPath: ByteString
  /** Of the first one, for an error message: which entry of the tar it is, and where. */
  readonly entry: number
  readonly offset: number
}

const NO_PARENT = 0
const OFFSET_AT = 8
const PATH_AT = 16

export class XlinkTable {
  readonly #writer: RecordWriter
  readonly #bytes: BytesReader
  readonly #table: EntryTable
  #last = 0

  constructor(writer: RecordWriter, bytes: TreeBytes, hashKey: HashKey) {
    this.#writer = writer
    this.#bytes = new BytesReader(bytes)
    this.#table = new EntryTable(bytes, hashKey)
  }

  find(target: ByteString): Xlink | undefined {
    const found = this.#table.find(NO_PARENT, target)
    return found === undefined ? undefined : this.#read(found)
  }

  /** `target`: not there yet. */
  add(target: ByteString, { record, firstPath, entry, offset }: Xlink): void {
    this.#last = this.#table.add(NO_PARENT, target, 'xlink', this.#last)
    const { bytes } = this.#writer
    this.#table.set(this.#last, bytes.length)
    bytes.u32(record)
    bytes.u32(entry)
    bytes.f64(offset)
    this.#writer.string(firstPath)
  }

  /** In the order in which they came. */
  *all(): Generator<Xlink & { readonly target: ByteString }> {
    for (let i = 1; i <= this.#last; i++) yield { target: this.#table.name(i), ...this.#read(i) }
  }

  #read(xlink: number): Xlink {
    const bytes = this.#bytes
    const at = this.#table.get(xlink)
    return {
      record: bytes.u32(at),
      entry: bytes.u32(at + 4),
      offset: bytes.f64(at + OFFSET_AT),
      firstPath: bytes.raw(at + PATH_AT + 4, bytes.u32(at + PATH_AT)),
    }
  }
}
