/** CRC-32C (Castagnoli, RFC 3720 B.4), eight bytes at a step; node:zlib has only the other CRC-32. */

const REVERSED_POLYNOMIAL = 0x82f63b78
const STEP = 8
const MASK_DELTA = 0xa282ead8

/** Row k: the effect of a byte that is followed by k more. */
const rows: readonly Uint32Array[] = makeRows()

function makeRows(): Uint32Array[] {
  const first = Uint32Array.from({ length: 256 }, (_, byte) => {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? REVERSED_POLYNOMIAL : 0)
    return crc
  })
  const all = [first]
  for (let k = 1; k < STEP; k++) {
    const before = all[k - 1] as Uint32Array
    all.push(before.map((crc) => (crc >>> 8) ^ (first[crc & 255] as number)))
  }
  return all
}

export function crc32c(bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = rows as [
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
    Uint32Array,
  ]
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let crc = 0xffffffff
  let at = 0
  for (; at + STEP <= bytes.length; at += STEP) {
    const low = crc ^ view.getUint32(at, true)
    const high = view.getUint32(at + 4, true)
    crc =
      (t7[low & 255] as number) ^
      (t6[(low >>> 8) & 255] as number) ^
      (t5[(low >>> 16) & 255] as number) ^
      (t4[low >>> 24] as number) ^
      (t3[high & 255] as number) ^
      (t2[(high >>> 8) & 255] as number) ^
      (t1[(high >>> 16) & 255] as number) ^
      (t0[high >>> 24] as number)
  }
  for (; at < bytes.length; at++) {
    crc = (crc >>> 8) ^ (t0[(crc ^ (bytes[at] as number)) & 255] as number)
  }
  return (crc ^ 0xffffffff) >>> 0
}

/** The sum as LevelDB writes it down: a sum over bytes that hold sums would say little. */
export function maskedCrc(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + MASK_DELTA) >>> 0
}

/** Sums that grow byte by byte: one of each beginning of the bytes that were added. */
export class GrowingCrc {
  #crc = 0xffffffff

  add(byte: number): void {
    this.#crc = (this.#crc >>> 8) ^ ((rows[0] as Uint32Array)[(this.#crc ^ byte) & 255] as number)
  }

  get value(): number {
    return (this.#crc ^ 0xffffffff) >>> 0
  }
}
