/**
 * Whose keys have voted on a followed project, beside those that the user named: their logs are
 * followed too, so that whoever joins later can have them from here.
 *
 * Kept apart from the statements, since a start must not read a million of them to know it.
 */
import type { ImageName, KeyHex } from '../../protocol/identifiers.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import type { RecordChange } from '../record-change.ts'

/** Of one project; a project with more has sybils, and the first ones stay. */
const MAX_VOTERS = 1_000

export interface VoterStore {
  readonly meta: {
    range(range: {
      readonly gte: string
      readonly lt: string
    }): Promise<readonly (readonly [name: string, value: unknown])[]>
    putting(name: string, value: unknown): RecordChange
  }
  write(changes: readonly RecordChange[]): Promise<void>
}

const PREFIX = 'voters '
const AFTER = 'voters!'

export class Voters {
  readonly #store: VoterStore
  readonly #voters = new Map<ImageName, Set<KeyHex>>()

  constructor(store: VoterStore) {
    this.#store = store
  }

  async load(): Promise<void> {
    for (const [name, keys] of await this.#store.meta.range({ gte: PREFIX, lt: AFTER })) {
      this.#voters.set(name.slice(PREFIX.length), new Set(keys as readonly KeyHex[]))
    }
  }

  has(key: KeyHex, images: Iterable<ImageName>): boolean {
    for (const image of images) if (this.#voters.get(image)?.has(key) === true) return true
    return false
  }

  of(images: Iterable<ImageName>): ReadonlySet<KeyHex> {
    return new Set([...images].flatMap((image) => [...(this.#voters.get(image) ?? [])]))
  }

  /** A statement was stored. */
  async note({ key, body }: Pick<SignedStatement, 'key' | 'body'>): Promise<void> {
    if (body.kind !== 'rebuild') return
    const voters = this.#voters.get(body.image) ?? new Set<KeyHex>()
    if (voters.has(key) || voters.size >= MAX_VOTERS) return
    this.#voters.set(body.image, voters.add(key))
    await this.#store.write([this.#store.meta.putting(`${PREFIX}${body.image}`, [...voters])])
  }
}
