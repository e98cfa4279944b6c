/**
 * Watches the projects of an announcer who wants it: looks at their tags from time to time, and has
 * new ones announced.
 *
 * Each project is looked at by one look at a time. The first notes what is there and announces none
 * of it. After a failure the next look waits longer, and never shorter than a server asked for. What
 * is to be announced is handed to the port that signs; it must say `known` of what it has signed
 * already, which is what makes a release be announced once, whatever dies in between.
 */
import type { Crypto } from '../../protocol/crypto.ts'
import type { ImageName, Sid, UnixSeconds } from '../../protocol/identifiers.ts'
import type { Project } from '../../protocol/project.ts'
import type { WatchRules } from '../../protocol/watch-rules.ts'
import { unixSeconds, type Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import { Notebook, type Note, type WatchStore } from './note.ts'
import {
  baseline,
  moved,
  planLook,
  refused,
  tagsToAsk,
  type Candidate,
  type GitTag,
  type NewNote,
  type SeenTags,
} from './plan.ts'
import { refuseTag } from './tag-signature.ts'
import { Turns } from '../turns.ts'

/** What a tag is announced as. */
export interface WatchedRelease {
  readonly image: ImageName
  readonly version: string
  readonly ref: string
  /** Undefined where the image says it. */
  readonly commit: string | undefined
  /** The published image by digest; undefined for a blind announcement. */
  readonly published: string | undefined
}

export type WatchOutcome =
  | { readonly kind: 'announced' | 'known'; readonly sid: Sid }
  /** The version is announced with other content. */
  | { readonly kind: 'conflict'; readonly why: string }
  | { readonly kind: 'waiting' | 'refused'; readonly why: string }

/** Tags of the registry, or that they are what they were when `etag` was given for them. */
type TagListing =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'tags'; readonly tags: readonly string[]; readonly etag?: string }

/** What a tag stands for, or that it is what it was when `etag` was given for it. */
type TagDigest =
  | { readonly kind: 'unchanged' | 'gone' }
  | { readonly kind: 'digest'; readonly digest: string; readonly etag?: string }

/** The world, as a watcher needs it. What these throw is trouble, and is tried again. */
export interface WatchPorts {
  listGitTags(project: Project, signal: AbortSignal): Promise<readonly GitTag[]>
  /** The tag's object; undefined where it is a mere name for a commit. */
  readGitTag(project: Project, tag: GitTag, signal: AbortSignal): Promise<Uint8Array | undefined>
  listRegistryTags(
    project: Project,
    etag: string | undefined,
    signal: AbortSignal,
  ): Promise<TagListing>
  readRegistryTag(
    project: Project,
    tag: string,
    etag: string | undefined,
    signal: AbortSignal,
  ): Promise<TagDigest>
  /** Signs and publishes what is not announced yet. */
  announce(release: WatchedRelease, signal: AbortSignal): Promise<WatchOutcome>
}

export interface WatchedProject {
  readonly project: Project
  readonly rules: WatchRules
}

export interface LookReport {
  readonly at: UnixSeconds
  readonly announced: readonly Sid[]
  /** How many more there are to announce, at the next look. */
  readonly left: number
}

/** Tags that one look takes up: whoever makes a hundred thousand tags gets ten releases of it. */
const MAX_TAKEN_UP = 10

export interface ProjectWatchComponents {
  readonly ports: WatchPorts
  readonly store: WatchStore
  readonly crypto: Crypto
  readonly clock: Clock
  readonly logger: Logger
}

/** One project, looked at. */
export class ProjectWatch {
  readonly watched: WatchedProject
  readonly notebook: Notebook
  readonly #components: ProjectWatchComponents
  /** What the servers said last, by what they called it. */
  #tags: { readonly etag?: string; readonly tags: readonly string[] } | undefined
  readonly #digests = new Map<string, { readonly etag?: string; readonly digest: string }>()
  readonly #turns = new Turns()

  constructor(components: ProjectWatchComponents, watched: WatchedProject) {
    this.#components = components
    this.watched = watched
    this.notebook = new Notebook(components.store, watched.project.image)
  }

  /** One look, after those that are on their way. `retry`: also at what was refused. */
  look(options: { readonly retry: boolean }, signal: AbortSignal): Promise<LookReport> {
    return this.#turns.take(() => this.#look(options, signal))
  }

  async #look({ retry }: { readonly retry: boolean }, signal: AbortSignal): Promise<LookReport> {
    const { rules } = this.watched
    const { clock } = this.#components
    const { mark, notes } = await this.notebook.read()
    const begun = mark?.rules === JSON.stringify(rules)
    const tags = await this.#fetch(notes, begun, signal)
    const at = unixSeconds(clock)
    if (!begun) {
      const found = baseline(rules, tags, notes).map((note): Note => ({ ...note, at }))
      await this.notebook.begin(rules, at, found)
      return { at, announced: [], left: 0 }
    }
    const plan = planLook(rules, tags, notes, { retry })
    await this.notebook.write(plan.notes.map((note): Note => ({ ...note, at })))
    const announced: Sid[] = []
    for (const candidate of plan.candidates.slice(0, MAX_TAKEN_UP)) {
      const outcome = await this.#announce(candidate, signal)
      if (outcome.kind === 'announced') announced.push(outcome.sid)
      await this.#note(candidate, outcome)
    }
    const left = Math.max(0, plan.candidates.length - MAX_TAKEN_UP)
    return { at: unixSeconds(clock), announced, left }
  }

  async #fetch(
    notes: ReadonlyMap<string, Note>,
    begun: boolean,
    signal: AbortSignal,
  ): Promise<SeenTags> {
    const { project, rules } = this.watched
    const { ports } = this.#components
    const git = rules.gitTags.length === 0 ? [] : await ports.listGitTags(project, signal)
    const registry = new Map<string, string | undefined>()
    if (rules.registryTags.length + rules.movingTags.length === 0) return { git, registry }
    const listing = await ports.listRegistryTags(project, this.#tags?.etag, signal)
    if (listing.kind === 'tags') this.#tags = listing
    const tags = this.#tags?.tags ?? []
    for (const tag of tags) registry.set(tag, undefined)
    for (const tag of tagsToAsk(rules, tags, notes, { begun })) {
      const known = this.#digests.get(tag)
      const polled = await ports.readRegistryTag(project, tag, known?.etag, signal)
      const now = polled.kind === 'digest' ? polled : polled.kind === 'gone' ? undefined : known
      if (now === undefined) continue
      this.#digests.set(tag, now)
      registry.set(tag, now.digest)
    }
    return { git, registry }
  }

  async #announce(candidate: Candidate, signal: AbortSignal): Promise<WatchOutcome> {
    const { project, rules } = this.watched
    const { ports, crypto } = this.#components
    const { git, digest, version } = candidate
    if (git !== undefined && rules.keys.length > 0) {
      const object = await ports.readGitTag(project, git, signal)
      const expected = { name: git.name, commit: git.commit, keys: rules.keys }
      const why = refuseTag(object, expected, crypto)
      if (why !== undefined) return { kind: 'refused', why: `the git tag ${git.name} ${why}` }
    }
    return ports.announce(
      {
        image: project.image,
        version,
        ref: git === undefined ? `refs/heads/${rules.branch ?? ''}` : `refs/tags/${git.name}`,
        commit: git?.commit,
        published: digest === undefined ? undefined : `${project.image}@${digest}`,
      },
      signal,
    )
  }

  async #note(candidate: Candidate, outcome: WatchOutcome): Promise<void> {
    const note: Note = { ...noteOf(candidate, outcome), at: unixSeconds(this.#components.clock) }
    const { note: before } = candidate
    const same = before?.state === note.state && before.why === note.why
    if (same && before.target === note.target && before.now === note.now) return
    await this.notebook.write([note])
    const { image } = this.watched.project
    const { tag, state, why } = note
    if (state === 'announced') this.#components.logger.info({ image, tag }, 'a tag was announced')
    else this.#components.logger.warn({ image, tag, state, why }, 'a tag was not announced')
  }
}

function noteOf({ source, tag, version, target, note }: Candidate, outcome: WatchOutcome): NewNote {
  const fields = { source, tag, version, target }
  switch (outcome.kind) {
    case 'announced':
    case 'known':
      return { ...fields, now: null, state: 'announced', sid: outcome.sid, why: '' }
    case 'waiting':
      return { ...fields, now: null, state: 'waiting', sid: null, why: outcome.why }
    case 'refused':
    case 'conflict':
      return note !== undefined && (note.state === 'announced' || note.state === 'moved')
        ? moved(note, target, `: ${outcome.why}`)
        : refused(fields, outcome.why)
  }
}
