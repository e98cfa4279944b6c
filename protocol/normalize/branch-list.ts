/** The directories of a layer's tree while it grows, by number: nine bytes each. */

const INITIAL = 64
const OPAQUE = 1
const LATE = 2
/** Of an offset, and of an entry. */
const NONE = 0

export class BranchList {
  /** The number of the root, which is always there. */
  static readonly root = 0

  #size = 1
  #lastChildren = new Uint32Array(INITIAL)
  #metas = new Uint32Array(INITIAL)
  #flags = new Uint8Array(INITIAL)

  add(): number {
    if (this.#size === this.#flags.length) this.#grow()
    return this.#size++
  }

  /** The entry that was added last below it; 0 where there is none. */
  lastChild(branch: number): number {
    return this.#lastChildren[branch] as number
  }

  setLastChild(branch: number, entry: number): void {
    this.#lastChildren[branch] = entry
  }

  hasChildren(branch: number): boolean {
    return this.#lastChildren[branch] !== NONE
  }

  /** Whether it has an entry of its own. */
  isExplained(branch: number): boolean {
    return this.#metas[branch] !== NONE
  }

  /** Where its mode and owner are written; 0 where nothing says. */
  metaOf(branch: number): number {
    return this.#metas[branch] as number
  }

  setMeta(branch: number, at: number): void {
    this.#metas[branch] = at
  }

  isOpaque(branch: number): boolean {
    return ((this.#flags[branch] as number) & OPAQUE) !== 0
  }

  setOpaque(branch: number): void {
    this.#flags[branch] = (this.#flags[branch] as number) | OPAQUE
  }

  /** Whether its own entry came after an entry beneath it. */
  isLate(branch: number): boolean {
    return ((this.#flags[branch] as number) & LATE) !== 0
  }

  setLate(branch: number): void {
    this.#flags[branch] = (this.#flags[branch] as number) | LATE
  }

  #grow(): void {
    const length = this.#size * 2
    const words = length * Uint32Array.BYTES_PER_ELEMENT
    this.#lastChildren = new Uint32Array(this.#lastChildren.buffer.transfer(words))
    this.#metas = new Uint32Array(this.#metas.buffer.transfer(words))
    this.#flags = new Uint8Array(this.#flags.buffer.transfer(length))
  }
}
