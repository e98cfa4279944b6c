/**
 * What a watcher has made of a tag, so that it makes it once.
 *
 * A note stands in the store under the project and the tag. It is written after the release was
 * signed and stored: where the process dies between the two, the release itself says that it is
 * there. The store checks each record that it reads, so a record here is one that this part wrote.
 */
import type { ImageName, Sid, UnixSeconds } from '../../protocol/identifiers.ts'
import type { WatchRules } from '../../protocol/watch-rules.ts'
import type { RecordChange } from '../record-change.ts'

export type TagSource = 'git' | 'registry'

/**
 * `seen`: was there before watching began, or is the git side of an image; `waiting`: something is
 * still missing; `refused`: is not announced, and why; `moved`: stands for something else than what
 * was seen or announced.
 */
type NoteState = 'seen' | 'waiting' | 'announced' | 'refused' | 'moved'

export interface Note {
  readonly source: TagSource
  readonly tag: string
  readonly version: string
  /** Object id of a git tag, digest of the registry's; null where it was not asked for. */
  readonly target: string | null
  /** Of a tag that was moved: what it stands for now. */
  readonly now: string | null
  readonly state: NoteState
  /** The release. */
  readonly sid: Sid | null
  readonly why: string
  readonly at: UnixSeconds
}

/** Since when, and by which rules, a project is watched. */
export interface WatchMark {
  readonly since: UnixSeconds
  /** The rules as JSON: with others, what is there already is not new. */
  readonly rules: string
}

export interface WatchStore {
  readonly watch: {
    range(range: {
      readonly gte: string
      readonly lt: string
    }): Promise<readonly (readonly [name: string, value: unknown])[]>
    putting(name: string, value: unknown): RecordChange
    deleting(name: string): RecordChange
  }
  write(changes: readonly RecordChange[], options: { readonly sync: boolean }): Promise<void>
}

export function noteName(source: TagSource, tag: string): string {
  return `${source} ${tag}`
}

/** The notes of one project. */
export class Notebook {
  readonly #store: WatchStore
  readonly #image: ImageName

  constructor(store: WatchStore, image: ImageName) {
    this.#store = store
    this.#image = image
  }

  async read(): Promise<{
    readonly mark: WatchMark | undefined
    readonly notes: ReadonlyMap<string, Note>
  }> {
    const prefix = this.#name('')
    const notes = new Map<string, Note>()
    let mark: WatchMark | undefined
    const range = { gte: prefix, lt: `${this.#image}\x01` }
    for (const [name, value] of await this.#store.watch.range(range)) {
      if (name === prefix) mark = value as WatchMark
      else notes.set(name.slice(prefix.length), value as Note)
    }
    return { mark, notes }
  }

  /** On the disk when it resolves. */
  async write(notes: readonly Note[]): Promise<void> {
    if (notes.length > 0) await this.#store.write(this.#changes(notes), { sync: true })
  }

  /** Watching begins: what is there now is noted, all of it or nothing. */
  async begin(rules: WatchRules, now: UnixSeconds, notes: readonly Note[]): Promise<void> {
    const mark: WatchMark = { since: now, rules: JSON.stringify(rules) }
    const changes = [...this.#changes(notes), this.#store.watch.putting(this.#name(''), mark)]
    await this.#store.write(changes, { sync: true })
  }

  /** Watching ends: what comes until it begins again is not announced then. */
  async end(): Promise<void> {
    await this.#store.write([this.#store.watch.deleting(this.#name(''))], { sync: true })
  }

  #changes(notes: readonly Note[]): RecordChange[] {
    return notes.map((note) =>
      this.#store.watch.putting(this.#name(noteName(note.source, note.tag)), note),
    )
  }

  #name(note: string): string {
    return `${this.#image}\0${note}`
  }
}
