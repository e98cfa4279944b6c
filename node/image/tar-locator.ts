/**
 * Where each file lies in the outer tar of an archive. A locator only: nothing is unpacked, and
 * what it finds is believed only as far as digests prove it.
 *
 * It is strict about bounds: every header has its checksum, every entry lies within the file, and
 * a name stands for one place. It follows the symlinks that old `docker save` writes for layers.
 */
import { constants } from 'node:fs'
import { open, stat, type FileHandle } from 'node:fs/promises'
import { describeSystemError } from '../system-error.ts'
import { readBytes, readRange } from './file-range.ts'
import { ImageError } from './image-error.ts'
import {
  BLOCK_BYTES,
  isExtension,
  parseOuterHeader,
  parseOuterPax,
  type ExtensionHeader,
  type OuterHeader,
} from './tar-locator-header.ts'

type Entry = { readonly offset: number; readonly size: number } | { readonly link: string }

export interface LocatedFile {
  readonly size: number
  read(signal?: AbortSignal): AsyncIterable<Uint8Array>
}

const MAX_ENTRIES = 100_000
const MAX_EXTENSION_BYTES = 1024 * 1024
const MAX_LINKS = 8

export class TarLocator {
  readonly name: string
  readonly #handle: FileHandle
  readonly #entries: ReadonlyMap<string, Entry>

  private constructor(name: string, handle: FileHandle, entries: ReadonlyMap<string, Entry>) {
    this.name = name
    this.#handle = handle
    this.#entries = entries
  }

  /** Throws ImageError `source-*` or `archive-invalid`. */
  static async load(file: string): Promise<TarLocator> {
    const handle = await openFile(file)
    try {
      return new TarLocator(file, handle, await new Index(file, handle).build())
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  async close(): Promise<void> {
    await this.#handle.close()
  }

  /** The regular file at `path`, through links. */
  find(path: string): LocatedFile | undefined {
    let entry = this.#entries.get(path)
    for (let links = 0; entry !== undefined && 'link' in entry; links++) {
      if (links >= MAX_LINKS) return undefined
      entry = this.#entries.get(entry.link)
    }
    if (entry === undefined) return undefined
    const { offset, size } = entry
    return { size, read: (signal) => readRange(this.#handle, offset, size, this.name, signal) }
  }
}

/** Opens a regular file; throws ImageError `source-*` for anything else, without waiting for it. */
export async function openFile(file: string): Promise<FileHandle> {
  let handle: FileHandle | undefined
  try {
    // Before it is opened: that may set a device to work. After it: the file may be another by then.
    if ((await stat(file)).isFile()) {
      // Non-blocking: opening a named pipe would wait for its writer, and hear no signal.
      handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK)
      if ((await handle.stat()).isFile()) return handle
      await handle.close()
    }
  } catch (error) {
    await handle?.close()
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT'
    throw new ImageError(
      missing ? 'source-not-found' : 'source-unreadable',
      missing
        ? `${file} does not exist`
        : `${file} cannot be opened: ${describeSystemError(error)}`,
      { cause: error },
    )
  }
  throw new ImageError('source-unreadable', `${file} is not a regular file`)
}

class Index {
  readonly #file: string
  readonly #handle: FileHandle
  readonly #entries = new Map<string, Entry>()
  /** Names and sizes from extension headers, for the entry that follows. */
  #pending: { path?: string; linkPath?: string; size?: number } | undefined

  constructor(file: string, handle: FileHandle) {
    this.#file = file
    this.#handle = handle
  }

  async build(): Promise<ReadonlyMap<string, Entry>> {
    const { size: fileSize } = await this.#handle.stat()
    await this.#refuseCompressed(fileSize)
    let at = 0
    for (let count = 0; at < fileSize; count++) {
      if (count > MAX_ENTRIES) throw this.#invalid(`it has more than ${MAX_ENTRIES} entries`)
      if (at + BLOCK_BYTES > fileSize) throw this.#invalid('it is cut off inside a header')
      const block = await readBytes(this.#handle, at, BLOCK_BYTES, this.#file)
      if (block.every((byte) => byte === 0)) {
        await this.#expectZeros(at, fileSize)
        break
      }
      const header = parseOuterHeader(block)
      if (typeof header === 'string') throw this.#invalid(`${header} at byte ${at}`)
      const size = (isExtension(header) ? undefined : this.#pending?.size) ?? header.size
      const start = at + BLOCK_BYTES
      if (size > fileSize - start)
        throw this.#invalid(`the entry at byte ${at} reaches past the end of the file`)
      await this.#take(header, start, size, at)
      at = start + Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES
    }
    if (this.#pending !== undefined) throw this.#invalid('it ends after an extension header')
    return this.#entries
  }

  async #take(header: OuterHeader, start: number, size: number, at: number): Promise<void> {
    const { type } = header
    if (isExtension(header)) {
      if (size > MAX_EXTENSION_BYTES)
        throw this.#invalid(`the extension header at byte ${at} is too large`)
      const data = await readBytes(this.#handle, start, size, this.#file)
      this.#extend(header.type, data, at)
      return
    }
    const path = this.#clean(this.#pending?.path ?? header.path, at)
    const linkPath = this.#pending?.linkPath ?? header.linkPath
    this.#pending = undefined
    if (type === '5') return
    if (this.#entries.has(path)) throw this.#invalid(`it has "${path}" twice`)
    if (type === '0') this.#entries.set(path, { offset: start, size })
    else if (type === '1') this.#entries.set(path, { link: this.#clean(linkPath, at) })
    else {
      const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/') + 1) : ''
      this.#entries.set(path, { link: this.#clean(folder + linkPath, at, true) })
    }
  }

  #extend(type: ExtensionHeader['type'], data: Uint8Array, at: number): void {
    if (type === 'x' || type === 'g') {
      const records = parseOuterPax(data)
      if (typeof records === 'string') throw this.#invalid(`${records} at byte ${at}`)
      if (type === 'x') this.#pending = { ...this.#pending, ...records }
      else if (Object.keys(records).length > 0)
        throw this.#invalid(`a global header names files at byte ${at}`)
      return
    }
    const text = Buffer.from(data).toString('utf8').replace(/\0+$/, '')
    this.#pending = { ...this.#pending, ...(type === 'L' ? { path: text } : { linkPath: text }) }
  }

  /** A path without empty and `.` components; `..` only where a link is resolved, and never above the top. */
  #clean(path: string, at: number, isLink = false): string {
    const parts: string[] = []
    for (const part of path.split('/')) {
      if (part === '' || part === '.') continue
      if (part !== '..') parts.push(part)
      else if (!isLink || parts.pop() === undefined)
        throw this.#invalid(`"${path}" leaves the archive, at byte ${at}`)
    }
    return parts.join('/')
  }

  async #expectZeros(start: number, end: number): Promise<void> {
    for await (const chunk of readRange(this.#handle, start, end - start, this.#file)) {
      if (chunk.some((byte) => byte !== 0))
        throw this.#invalid(`there is data after its end, at byte ${start}`)
    }
  }

  async #refuseCompressed(fileSize: number): Promise<void> {
    const magic = Buffer.from(
      await readBytes(this.#handle, 0, Math.min(6, fileSize), this.#file),
    ).toString('hex')
    const compressed = ['1f8b', '28b52ffd', '425a68', 'fd377a585a00'].some((known) =>
      magic.startsWith(known),
    )
    if (compressed) throw this.#invalid('it is compressed; decompress it first')
  }

  #invalid(why: string): ImageError {
    return new ImageError('archive-invalid', `${this.#file} is not a usable tar archive: ${why}`)
  }
}
