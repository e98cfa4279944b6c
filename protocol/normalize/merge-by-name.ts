/**
 * Several sequences that are sorted by name, as one: through a heap, so that many of them cost
 * little more than few, and only the next of each is in memory.
 */
import { type ByteString, compareByteStrings } from './byte-string.ts'

export type Named<T> = readonly [name: ByteString, value: T]

interface Head<T> {
  readonly source: number
  readonly rest: Iterator<Named<T>>
  next: Named<T>
}

/** With the number of the source that each is of; equal names come in the order of the sources. */
export function* mergeByName<T>(
  sources: readonly Iterable<Named<T>>[],
): Generator<readonly [name: ByteString, value: T, source: number]> {
  const heap: Head<T>[] = []
  for (const [source, items] of sources.entries()) {
    const rest = items[Symbol.iterator]()
    const first = rest.next()
    if (first.done !== true) heap.push({ source, rest, next: first.value })
  }
  for (let i = heap.length >> 1; i-- > 0;) sink(heap, i)
  for (let top = heap[0]; top !== undefined; top = heap[0]) {
    yield [top.next[0], top.next[1], top.source]
    const following = top.rest.next()
    if (following.done !== true) top.next = following.value
    else {
      const last = heap.pop() as Head<T>
      if (last === top) return
      heap[0] = last
    }
    sink(heap, 0)
  }
}

function isBefore<T>(a: Head<T>, b: Head<T>): boolean {
  const order = compareByteStrings(a.next[0], b.next[0])
  return order === 0 ? a.source < b.source : order < 0
}

function sink<T>(heap: Head<T>[], from: number): void {
  const head = heap[from] as Head<T>
  let at = from
  for (;;) {
    let child = 2 * at + 1
    if (child >= heap.length) break
    const right = heap[child + 1]
    if (right !== undefined && isBefore(right, heap[child] as Head<T>)) child++
    const below = heap[child] as Head<T>
    if (!isBefore(below, head)) break
    heap[at] = below
    at = child
  }
  heap[at] = head
}
