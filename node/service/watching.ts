/**
 * The watchers of this node, between the schedule that looks at tags and the parts that know git,
 * registries and announcements.
 */
import type { ImageName } from '../../protocol/identifiers.ts'
import type { Project } from '../../protocol/project.ts'
import { systemTimers } from '../alert/timers.ts'
import { unixSeconds } from '../clock.ts'
import { ConfigError } from '../config-error.ts'
import type { FollowRequest } from '../http/node-service.ts'
import type { WatchSummary } from '../http/watch-summary.ts'
import { createRegistryClient } from '../image/create-registry-client.ts'
import { ImageError } from '../image/image-error.ts'
import type { RegistryClient } from '../image/registry-client.ts'
import type { NodeParts } from '../node-parts.ts'
import { readProjectText } from '../project-files.ts'
import { fetchTagObject, listRemoteTags, type RemoteSource } from '../rebuild/remote-tags.ts'
import { Notebook } from '../watch/note.ts'
import { WatchSchedule, type WatchScheduleComponents, type WatchState } from '../watch/schedule.ts'
import type { WatchedProject, WatchPorts } from '../watch/watcher.ts'
import { insecureHosts } from './verdicts.ts'

const MAX_LISTED = 200

export interface WatchingComponents extends Pick<WatchPorts, 'announce'> {
  readonly parts: NodeParts
  /** Tests bring their own. */
  readonly timers?: WatchScheduleComponents['timers']
  readonly random?: () => number
}

export class Watching {
  readonly #parts: NodeParts
  readonly #schedule: WatchSchedule

  constructor({ parts, announce, timers, random }: WatchingComponents) {
    this.#parts = parts
    const { store, crypto, clock, logger } = parts
    this.#schedule = new WatchSchedule({
      ports: makePorts(parts, announce),
      store,
      crypto,
      clock,
      logger,
      timers: timers ?? systemTimers,
      random: random ?? Math.random,
      changed: (state) => this.#changed(state),
    })
  }

  async start(): Promise<void> {
    await this.update()
    this.#schedule.start()
  }

  stop(): Promise<void> {
    return this.#schedule.stop()
  }

  /** After a project was followed, in whatever way, or is not any more. */
  async update(): Promise<void> {
    const watched = this.#watched()
    await this.#schedule.update(watched)
    const now = unixSeconds(this.#parts.clock)
    for (const { image, kind } of await this.#parts.alerts.list({ open: true })) {
      if (kind !== 'not-announced' || image === null) continue
      if (watched.some(({ project }) => project.image === image)) continue
      await this.#parts.alerts.observeTags(image, [], now)
    }
  }

  /** After `follow` or `unfollow`: what comes while it is not watched is not announced later. */
  async followed(image: ImageName): Promise<void> {
    await this.update()
    const isWatched = this.#watched().some(({ project }) => project.image === image)
    if (!isWatched) await new Notebook(this.#parts.store, image).end()
  }

  /** Refuses to have what this node could not announce. */
  check({ projectFile, announce }: FollowRequest): void {
    if (announce !== true) return
    const why = this.#refusal(readProjectText(projectFile, 'project file'))
    if (why !== undefined) throw new ConfigError('refused', why)
  }

  async list(): Promise<readonly WatchSummary[]> {
    await this.update()
    return (await this.#schedule.states()).map(describeState)
  }

  async poll(image: ImageName, signal: AbortSignal): Promise<WatchSummary> {
    await this.update()
    await this.#schedule.poll(image, signal)
    const state = (await this.#schedule.states()).find((each) => each.image === image)
    if (state !== undefined) return describeState(state)
    throw new ConfigError(
      this.#parts.projects.get(image) === undefined ? 'not-followed' : 'refused',
      `the tags of ${image} are not watched here: "rebuildnet follow FILE --announce" has its new releases announced`,
    )
  }

  async status(): Promise<{ readonly projects: number; readonly troubled: number }> {
    const states = await this.#schedule.states()
    const troubled = states.filter(({ trouble }) => trouble !== null).length
    return { projects: this.#watched().length, troubled }
  }

  /** Why this node could not announce the releases of a project, if it could not. */
  #refusal({ image, announcers, watch }: Project): string | undefined {
    const self = this.#parts.identity.card.body.operator
    if (!announcers.includes(self)) {
      return `${self} (this node) is not among the announcers of ${image}: nobody would count what it announces`
    }
    if (watch !== undefined) return undefined
    return `the project file of ${image} has no [watch] table: it says which tags are announced`
  }

  #watched(): readonly WatchedProject[] {
    return this.#parts.projects.all().flatMap(({ project, announce }) => {
      const { watch: rules } = project
      const isOn = announce && rules !== undefined && this.#refusal(project) === undefined
      return isOn ? [{ project, rules }] : []
    })
  }

  async #changed(state: WatchState): Promise<void> {
    this.#parts.emit({ type: 'watch', data: describeState(state) })
    const found = state.notes
      .filter((note) => note.state === 'moved' || note.state === 'refused')
      .map(({ source, tag, version, why }) => ({
        version,
        reasons: [`The tag ${tag} (${source}) was not announced: ${why}.`],
      }))
    await this.#parts.alerts.observeTags(state.image, found, unixSeconds(this.#parts.clock))
  }
}

function describeState({ notes, ...state }: WatchState): WatchSummary {
  return { ...state, tags: notes.slice(0, MAX_LISTED) }
}

function makePorts(parts: NodeParts, announce: WatchPorts['announce']): WatchPorts {
  const source = ({ source: repository, image }: Project): RemoteSource => ({
    repository,
    insecure: insecureHosts(parts, image),
    folder: parts.folder.work,
  })
  return {
    announce,
    listGitTags: (project, signal) => listRemoteTags(source(project), signal),
    readGitTag: (project, tag, signal) => fetchTagObject(source(project), tag, signal),
    listRegistryTags: (project, etag, signal) =>
      withRegistry(parts, project, (registry, repository) =>
        registry.pollTags(repository, etag, signal).catch((error: unknown) => {
          // Nothing was ever pushed there.
          const isNew = error instanceof ImageError && error.code === 'registry-not-found'
          if (isNew) return { kind: 'tags', tags: [] } as const
          throw error
        }),
      ),
    readRegistryTag: (project, tag, etag, signal) =>
      withRegistry(parts, project, (registry, repository) =>
        registry.pollTag({ ...repository, tag }, etag, signal),
      ),
  }
}

async function withRegistry<T>(
  parts: NodeParts,
  { image }: Project,
  work: (
    registry: RegistryClient,
    repository: { readonly registry: string; readonly repository: string },
  ) => Promise<T>,
): Promise<T> {
  const slash = image.indexOf('/')
  const repository = { registry: image.slice(0, slash), repository: image.slice(slash + 1) }
  const insecure = insecureHosts(parts, image)
  const registry = createRegistryClient({ crypto: parts.crypto }, { insecure })
  try {
    return await work(registry, repository)
  } finally {
    await registry.close()
  }
}
