/**
 * A comparison that takes what it wants from the kept trees first, and asks the network for the
 * rest. What came stays, so that a comparison that was cut short goes on where it was.
 */
import type { ByteString } from '../../protocol/normalize/byte-string.ts'
import type { ComparedTrees, TreeComparison } from '../../protocol/normalize/tree-comparison.ts'
import type { TreeObject } from '../../protocol/normalize/tree-object.ts'

export interface KeptTrees {
  read(hash: ByteString): Promise<TreeObject | undefined>
  keep(objects: Iterable<TreeObject>): Promise<void>
}

type Wanted = ReturnType<TreeComparison['wanted']>

/** How long a comparison may hold up everything else. */
const SLICE_MS = 10

export class StoredWalk {
  readonly #trees: KeptTrees
  readonly #comparison: TreeComparison
  /** Known not to be kept. */
  readonly #absent = new Set<ByteString>()
  #came = new Map<ByteString, TreeObject>()

  constructor(components: { readonly trees: KeptTrees }, comparison: TreeComparison) {
    this.#trees = components.trees
    this.#comparison = comparison
  }

  /** What is neither here nor kept. Throws TreeObjectError. */
  async wanted(): Promise<Wanted> {
    for (;;) {
      const wanted = this.#comparison.wanted()
      let found = 0
      for (const { hash } of wanted) {
        if (this.#absent.has(hash)) continue
        const object = await this.#trees.read(hash)
        if (object === undefined) this.#absent.add(hash)
        else found++
        if (object !== undefined) this.#comparison.take(object)
      }
      if (found === 0) return wanted
    }
  }

  async preimage(hash: ByteString): Promise<Uint8Array | undefined> {
    return (this.#came.get(hash) ?? (await this.#trees.read(hash)))?.preimage
  }

  /** Takes what came from elsewhere. Throws TreeObjectError. */
  take(object: TreeObject): void {
    this.#comparison.take(object)
    this.#came.set(object.hash, object)
  }

  /**
   * Keeps what came from a peer, deepest first, so that nothing is here without what it names. What
   * a liar sent is used, since it has been checked, and not passed on.
   */
  async settle(honest: boolean): Promise<void> {
    const came = [...this.#came.values()].reverse()
    this.#came = new Map()
    if (honest && came.length > 0) await this.#trees.keep(came)
  }

  /** Once nothing is wanted; lets others work now and then. */
  async finish(maxListed: number): Promise<ComparedTrees> {
    const steps = this.#comparison.finish(maxListed)
    for (let since = performance.now(); ;) {
      const step = steps.next()
      if (step.done === true) return step.value
      if (performance.now() - since < SLICE_MS) continue
      await new Promise((resolve) => setImmediate(resolve))
      since = performance.now()
    }
  }
}
