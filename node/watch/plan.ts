/**
 * What is to be done about the tags that are there now: a function of the rules, the tags and the
 * notes.
 *
 * A tag is announced once, for what it stood for then. A tag that comes to stand for something else
 * is never announced by itself again: somebody may have taken over the registry, or the forge, and
 * an announcement by machine would be the announcer's word for it. Tags that are moved on purpose
 * have a version for each digest.
 */
import { readTag, type WatchRules } from '../../protocol/watch-rules.ts'
import { noteName, type Note, type TagSource } from './note.ts'

export interface GitTag {
  readonly name: string
  /** Id of the tag object, or of the commit where there is none. */
  readonly object: string
  readonly commit: string
}

/** The tags that are there, as far as they were asked for. */
export interface SeenTags {
  readonly git: readonly GitTag[]
  /** Digest by tag; undefined where it was not asked for, or is gone. */
  readonly registry: ReadonlyMap<string, string | undefined>
}

export interface Candidate {
  readonly source: TagSource
  readonly tag: string
  /** What the tag stands for. */
  readonly target: string
  readonly version: string
  /** The git tag that says which commit; undefined where the image says it. */
  readonly git: GitTag | undefined
  /** Digest in the registry; undefined for a git tag alone. */
  readonly digest: string | undefined
  /** What was noted of the tag before. */
  readonly note: Note | undefined
}

export type NewNote = Omit<Note, 'at'>

export interface Plan {
  readonly notes: readonly NewNote[]
  readonly candidates: readonly Candidate[]
}

/** How many releases that were announced are looked at again, to see whether their tags moved. */
const RECENT = 20
/** Digests of one look. */
const MAX_ASKED = 100
const DIGEST_CHARACTERS = 12

type Notes = ReadonlyMap<string, Note>

/** Tags of the registry whose digests are needed for a plan. */
export function tagsToAsk(
  rules: WatchRules,
  tags: readonly string[],
  notes: Notes,
  { begun }: { readonly begun: boolean },
): readonly string[] {
  const moving = tags.filter((tag) => rules.movingTags.includes(tag))
  // What is there before watching begins is not looked at.
  if (!begun) return moving
  const fixed = tags.filter(
    (tag) => !moving.includes(tag) && readTag(rules.registryTags, tag).kind !== 'none',
  )
  const noteOf = (tag: string): Note | undefined => notes.get(noteName('registry', tag))
  const open = fixed.filter((tag) => {
    const state = noteOf(tag)?.state
    return state !== 'seen' && state !== 'announced'
  })
  const recent = fixed
    .filter((tag) => noteOf(tag)?.state === 'announced')
    .sort((a, b) => (noteOf(b)?.at ?? 0) - (noteOf(a)?.at ?? 0))
    .slice(0, RECENT)
  // What was never asked for comes first: what waits must not stand in its way for ever.
  open.sort((a, b) => Number(noteOf(a) !== undefined) - Number(noteOf(b) !== undefined))
  return [...moving, ...open.slice(0, MAX_ASKED), ...recent]
}

/** Notes of all that is there when watching begins: none of it is new. */
export function baseline(rules: WatchRules, { git, registry }: SeenTags, notes: Notes): NewNote[] {
  const found: NewNote[] = []
  for (const { name, object } of git) {
    const reading = readTag(rules.gitTags, name)
    if (reading.kind !== 'none') found.push(seen('git', name, versionWords(reading), object))
  }
  for (const [tag, digest] of registry) {
    const reading = readTag([...rules.registryTags, ...rules.movingTags], tag)
    if (reading.kind === 'none') continue
    const isMoving = rules.movingTags.includes(tag)
    found.push(seen('registry', tag, versionWords(reading), isMoving ? (digest ?? null) : null))
  }
  return found.filter(({ source, tag }) => !notes.has(noteName(source, tag)))
}

/** `retry`: what was refused is tried again, as somebody asks for it. */
export function planLook(
  rules: WatchRules,
  tags: SeenTags,
  notes: Notes,
  { retry }: { readonly retry: boolean },
): Plan {
  const plan = { notes: [] as NewNote[], candidates: [] as Candidate[] }
  const byVersion = planGit(rules, tags.git, notes, retry, plan)
  planRegistry(rules, tags.registry, notes, retry, byVersion, plan)
  return plan
}

interface Draft {
  readonly notes: NewNote[]
  readonly candidates: Candidate[]
}

interface Read<T> {
  readonly item: T
  readonly version: string
  /** Why it has two readings. */
  readonly ambiguous: string | undefined
}

/** Adds what is to be done about git tags; returns those that a version can be taken from. */
function planGit(
  rules: WatchRules,
  tags: readonly GitTag[],
  notes: Notes,
  retry: boolean,
  plan: Draft,
): ReadonlyMap<string, GitTag> {
  const byVersion = new Map<string, GitTag>()
  const announces = rules.registryTags.length === 0 || rules.blind
  const readings = readAll(
    rules.gitTags,
    tags,
    ({ name }) => name,
    ({ commit }) => commit,
  )
  for (const { item, version, ambiguous } of readings) {
    const { name: tag, object } = item
    const note = notes.get(noteName('git', tag))
    const fields = { source: 'git', tag, version, target: object } as const
    const isMoved = note !== undefined && isSettled(note) && note.target !== object
    if (isMoved) {
      addNote(plan, note, moved(note, object))
      continue
    }
    if (ambiguous !== undefined) {
      addNote(plan, note, refused(fields, ambiguous))
      continue
    }
    // Two tags of one version and one commit are one release; the first is the one to announce.
    const isFirst = !byVersion.has(version)
    if (isFirst) byVersion.set(version, item)
    if (note?.state === 'moved') addNote(plan, note, movedBack(note))
    else if (note !== undefined && isDone(note, object, retry)) continue
    else if (!announces || !isFirst) addNote(plan, note, seen('git', tag, version, object))
    else plan.candidates.push({ ...fields, git: item, digest: undefined, note })
  }
  return byVersion
}

function planRegistry(
  rules: WatchRules,
  tags: SeenTags['registry'],
  notes: Notes,
  retry: boolean,
  byVersion: ReadonlyMap<string, GitTag>,
  plan: Draft,
): void {
  const asked = [...tags].flatMap(([tag, digest]) =>
    digest === undefined ? [] : [{ tag, digest }],
  )
  const fixed = asked.filter(({ tag }) => !rules.movingTags.includes(tag))
  const readings = readAll(
    rules.registryTags,
    fixed,
    ({ tag }) => tag,
    ({ digest }) => digest,
  )
  for (const { item, version, ambiguous } of readings) {
    const { tag, digest } = item
    const note = notes.get(noteName('registry', tag))
    const fields = { source: 'registry', tag, version, target: digest } as const
    if (note !== undefined && isDone(note, digest, retry)) continue
    if (note?.state === 'moved' && note.target === digest) {
      addNote(plan, note, movedBack(note))
      continue
    }
    if (ambiguous !== undefined) {
      addNote(plan, note, refused(fields, ambiguous))
      continue
    }
    const git = byVersion.get(version)
    if (git === undefined && rules.gitTags.length > 0) {
      const why = `no git tag of version ${version} is there yet`
      if (note?.state !== 'announced' && note?.state !== 'moved') {
        addNote(plan, note, { ...fields, now: null, state: 'waiting', sid: null, why })
      }
      continue
    }
    plan.candidates.push({ ...fields, git, digest, note })
  }
  for (const { tag, digest } of asked) {
    if (!rules.movingTags.includes(tag)) continue
    const note = notes.get(noteName('registry', tag))
    if (note !== undefined && note.state !== 'waiting' && isDone(note, digest, retry)) continue
    const version = `${tag}-${digest.replace('sha256:', '').slice(0, DIGEST_CHARACTERS)}`
    plan.candidates.push({
      source: 'registry',
      tag,
      target: digest,
      version,
      git: undefined,
      digest,
      // It is moved on purpose: what it stood for before is another version.
      note: undefined,
    })
  }
}

/** Readings in the order of their names; of one version with two contents, none is to be had. */
function readAll<T>(
  patterns: readonly string[],
  items: readonly T[],
  nameOf: (item: T) => string,
  contentOf: (item: T) => string,
): readonly Read<T>[] {
  const sorted = [...items].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  const readings: Read<T>[] = []
  const versions = new Map<string, T[]>()
  for (const item of sorted) {
    const reading = readTag(patterns, nameOf(item))
    if (reading.kind === 'none') continue
    const version = versionWords(reading)
    const ambiguous =
      reading.kind === 'ambiguous' ? `the patterns read it as ${version}` : undefined
    readings.push({ item, version, ambiguous })
    if (ambiguous === undefined) versions.set(version, [...(versions.get(version) ?? []), item])
  }
  return readings.map((reading) => {
    const same = versions.get(reading.version) ?? []
    if (new Set(same.map(contentOf)).size <= 1) return reading
    const names = same.map(nameOf).join(' and ')
    return { ...reading, ambiguous: `${names} both stand for version ${reading.version}` }
  })
}

function versionWords(reading: Exclude<ReturnType<typeof readTag>, { kind: 'none' }>): string {
  return reading.kind === 'version' ? reading.version : reading.versions.join(' or ')
}

/** Whether something was decided about what the tag stood for. */
function isSettled({ state }: Note): boolean {
  return state === 'seen' || state === 'announced' || state === 'moved'
}

/** Whether nothing is left to do while the tag stands for `target`. */
function isDone(note: Note, target: string, retry: boolean): boolean {
  if (note.state === 'seen' && note.target === null) return true
  if (note.state === 'moved') return note.now === target && !retry
  if (note.target !== target) return false
  return note.state === 'refused' ? !retry : note.state !== 'waiting'
}

/** Adds a note unless it says what the one that is there says. */
function addNote(plan: Draft, before: Note | undefined, note: NewNote): void {
  if (
    before?.state === note.state &&
    before.target === note.target &&
    before.now === note.now &&
    before.why === note.why
  ) {
    return
  }
  plan.notes.push(note)
}

function seen(source: TagSource, tag: string, version: string, target: string | null): NewNote {
  return { source, tag, version, target, now: null, state: 'seen', sid: null, why: '' }
}

export function refused(
  fields: Pick<Note, 'source' | 'tag' | 'version' | 'target'>,
  why: string,
): NewNote {
  return { ...fields, now: null, state: 'refused', sid: null, why }
}

export function moved(note: NewNote, now: string, more = ''): NewNote {
  const { source, tag, version, target, sid } = note
  const why = `the tag stood for ${target ?? 'something else'} and stands for ${now} now${more}`
  return { source, tag, version, target, now, state: 'moved', sid, why }
}

function movedBack({ source, tag, version, target, sid }: Note): NewNote {
  const state = sid === null ? 'seen' : 'announced'
  return { source, tag, version, target, now: null, state, sid, why: '' }
}
