/** The number of the layout, in the database itself: what a rebuildnet can tell that it cannot read. */
import { decodeUtf8, utf8 } from '../../protocol/bytes.ts'
import { encodeChecked, parseChecked } from './checked.ts'
import type { Operation } from './database.ts'
import { keyIn, STORE_FORMAT } from './keys.ts'
import { StoreError } from './store-error.ts'

export const FORMAT_KEY = keyIn('system', utf8('format'))

/** `older` is read, and lacks indexes that came later. Throws StoreError. */
export function parseFormat(value: Uint8Array, directory: string): 'current' | 'older' {
  const payload = parseChecked(FORMAT_KEY, value)
  const format: unknown = payload && JSON.parse(decodeUtf8(payload) ?? 'null')
  if (typeof format !== 'number') throw noStore(directory)
  if (format <= STORE_FORMAT) return format < STORE_FORMAT ? 'older' : 'current'
  throw new StoreError(
    'newer-format',
    `${directory} was written by a newer rebuildnet (store format ${format}, this one reads ${STORE_FORMAT}): update rebuildnet`,
  )
}

export function formatOperation(): Operation {
  const value = encodeChecked(FORMAT_KEY, utf8(JSON.stringify(STORE_FORMAT)))
  return { type: 'put', key: FORMAT_KEY, value }
}

export function noStore(directory: string): StoreError {
  return new StoreError(
    'corrupt',
    `${directory} has no readable format number: it is damaged or no store; "rebuildnet fsck --reindex" saves what can be read`,
  )
}
