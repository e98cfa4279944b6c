/**
 * What cold builds have given and has not been said yet, on the disk: a process that dies goes on
 * where it was, and builds nothing twice.
 *
 * An entry is written when a build has ended, before anything is made of it, and goes when its
 * result has been said. It holds for one item as it was queued, on the same input, with the builder
 * that it was made with: two builds by different builders would prove nothing about the recipe.
 */
import type { Digest, InputDigest, UnixSeconds } from '../../protocol/identifiers.ts'
import type { Differences } from '../../protocol/rebuild.ts'
import type { ColdBuild } from './settlement.ts'

type WithoutImage<Build> = Build extends { readonly image: unknown } ? Omit<Build, 'image'> : Build

/** A cold build without the image, which is gone with its work folder. */
export type KeptBuild = WithoutImage<ColdBuild<never>>

/** The builds of one attempt so far. */
export interface KeptBuilds {
  /** When the first of them began. */
  readonly started: UnixSeconds
  /** One, or two where one was not enough. */
  readonly builds: readonly KeptBuild[]
  /** From the published image to the first, where both were here. */
  readonly differences?: Differences
}

/** What an entry is of: nothing else may go on with it. */
export interface JournalSubject {
  /** Of the queue's item. */
  readonly id: string
  /** When the item was queued: asked for again, it is built again. */
  readonly added: UnixSeconds
  readonly inputDigest: InputDigest
  readonly profile: string
  readonly publishedDigest: Digest | null
  readonly builder: string
}

interface JournalEntry extends KeptBuilds {
  readonly subject: JournalSubject
}

interface JournalTable {
  get(name: string): Promise<unknown>
  all(): Promise<readonly unknown[]>
  put(name: string, value: unknown, options: { readonly sync: boolean }): Promise<void>
  delete(name: string, options: { readonly sync: boolean }): Promise<void>
}

/** What the mirrors of a week ago gave is no second opinion on what they give now. */
const MAX_AGE_SECONDS = 7 * 86_400

export class BuildJournal {
  readonly #table: JournalTable

  constructor(table: JournalTable) {
    this.#table = table
  }

  /** What can be gone on with; whatever else stands there is dropped. */
  async read(subject: JournalSubject, now: UnixSeconds): Promise<KeptBuilds | undefined> {
    // The store checks what it reads, and only this part writes here.
    const entry = (await this.#table.get(subject.id)) as JournalEntry | undefined
    if (entry === undefined) return undefined
    const isSame = JSON.stringify(entry.subject) === JSON.stringify(subject)
    if (isSame && now - entry.started <= MAX_AGE_SECONDS) return entry
    await this.drop(subject.id)
    return undefined
  }

  /** On the disk when this resolves. */
  async keep(subject: JournalSubject, kept: KeptBuilds): Promise<void> {
    const entry: JournalEntry = { subject, ...kept }
    await this.#table.put(subject.id, entry, { sync: true })
  }

  async drop(id: string): Promise<void> {
    await this.#table.delete(id, { sync: true })
  }

  /** Nothing of what was built is believed any more. */
  async dropAll(): Promise<void> {
    for (const entry of (await this.#table.all()) as readonly JournalEntry[]) {
      await this.drop(entry.subject.id)
    }
  }

  /** Logs that a result may yet name. */
  async logs(): Promise<ReadonlySet<Digest>> {
    const entries = (await this.#table.all()) as readonly JournalEntry[]
    return new Set(
      entries.flatMap(({ builds }) => builds.flatMap(({ logDigest }) => logDigest ?? [])),
    )
  }
}

/** What there is to keep of these builds: their images go. */
export function keptAs<Image>(
  started: number,
  builds: readonly ColdBuild<Image>[],
  differences: Differences | undefined,
): KeptBuilds {
  const withoutImages = builds.map((build): KeptBuild => {
    if (build.kind === 'failed') return build
    const { image: _, ...rest } = build
    return rest
  })
  return {
    started,
    builds: withoutImages,
    ...(differences === undefined ? {} : { differences }),
  }
}

/** What is gone on with in place of a build that ended before. */
export function revived<Image>(build: KeptBuild | undefined): ColdBuild<Image> | undefined {
  return build?.kind === 'built' ? { ...build, image: undefined } : build
}
