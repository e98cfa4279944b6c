/**
 * How often something was stored about an image, by kind, since the store was opened: whoever keeps
 * what it has read can tell by it whether there is more now.
 */
import type { ImageName } from '../../protocol/identifiers.ts'
import type { StatementKind } from '../../protocol/statement.ts'

export class Revisions {
  readonly #counts = new Map<string, number>()
  /** Counts the times at which everything may have changed. */
  #epoch = 0

  of(image: ImageName, kinds: readonly StatementKind[]): string {
    const counts = kinds.map((kind) => this.#counts.get(`${kind} ${image}`) ?? 0)
    return [this.#epoch, ...counts].join('.')
  }

  raise(image: ImageName, kind: StatementKind): void {
    const name = `${kind} ${image}`
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  clear(): void {
    this.#epoch++
    this.#counts.clear()
  }
}
