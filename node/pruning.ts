/**
 * Lets go of what nothing needs any more: statements (disposable.ts), alerts that ended, queue items
 * that are done and said, and logs of builds. Own statements and the own log are never touched.
 *
 * The log book learns that a statement is not here before it goes: a crash in between leaves the node
 * doubting what it has, and never believing that it has what it has not.
 */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Sid, UnixSeconds } from '../protocol/identifiers.ts'
import { systemTimers, type Timers } from './alert/timers.ts'
import { Retention, type DisposableReason } from './disposable.ts'
import type { PruneReport } from './http/node-service.ts'
import type { Logger } from './logger.ts'
import type { NodeParts } from './node-parts.ts'
import { Turns } from './turns.ts'

type Parts = Pick<
  NodeParts,
  | 'alerts'
  | 'config'
  | 'folder'
  | 'identity'
  | 'journal'
  | 'logs'
  | 'policy'
  | 'projects'
  | 'queue'
  | 'store'
  | 'wanted'
>

export interface PruneOptions {
  readonly dryRun: boolean
  /** What is younger stays, in seconds. */
  readonly olderThan: number
}

const CHUNK = 200
/** Not all in one at a start. */
const FIRST_SECONDS = 600
/** The clock may be set, and the machine sleep: no timer is trusted for longer. */
const LOOK_SECONDS = 3600
/** Name in the store of when it was last pruned by itself. */
const LAST = 'prune last'

export class Pruning {
  readonly #parts: Parts
  readonly #logger: Logger
  readonly #stopping = new AbortController()
  readonly #turns = new Turns()
  #loop: Promise<void> = Promise.resolve()

  constructor(parts: Parts, logger: Logger) {
    this.#parts = parts
    this.#logger = logger
  }

  /** By itself from time to time, where the configuration says so. */
  start(timers: Timers = systemTimers): void {
    if (this.#parts.config.prune.everySeconds === 0) return
    this.#loop = this.#repeat(timers).catch((error: unknown) => {
      if (this.#stopping.signal.aborted) return
      this.#logger.error({ error: String(error) }, 'it is not pruned any more')
    })
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the node is stopping'))
    await this.#loop
    await this.#turns.ended()
  }

  async #repeat(timers: Timers): Promise<void> {
    const { olderThanSeconds: olderThan } = this.#parts.config.prune
    let wait = FIRST_SECONDS
    for (;;) {
      await timers.sleep(wait * 1000, this.#stopping.signal)
      try {
        wait = await this.#secondsToNext()
        if (wait > 0) continue
        await this.prune({ dryRun: false, olderThan })
        await this.#note(this.#parts.logs.time.seconds())
        wait = await this.#secondsToNext()
      } catch (error) {
        this.#logger.error({ error: String(error) }, 'it was not pruned; it is tried again')
        wait = LOOK_SECONDS
      }
    }
  }

  /** From the last time on, which a restart does not change; an hour at most. */
  async #secondsToNext(): Promise<number> {
    const { config, logs, store } = this.#parts
    const now = logs.time.seconds()
    const noted = (await store.meta.get(LAST)) as UnixSeconds | undefined
    // The first time is one turn from now; so it is where the clock has been set back since.
    if (noted === undefined || noted > now) await this.#note(now)
    const last = Math.min(noted ?? now, now)
    return Math.min(LOOK_SECONDS, Math.max(0, last + config.prune.everySeconds - now))
  }

  async #note(now: UnixSeconds): Promise<void> {
    await this.#parts.store.meta.put(LAST, now, { sync: true })
  }

  prune(options: PruneOptions): Promise<PruneReport> {
    return this.#turns.take(() => this.#prune(options))
  }

  async #prune({ dryRun, olderThan }: PruneOptions): Promise<PruneReport> {
    const { alerts, logs, queue, store, projects } = this.#parts
    const now = logs.time.seconds()
    const disposable = await this.#disposable(now, olderThan)
    if (!dryRun) await this.#remove([...disposable.keys()])
    const followed = new Set(projects.all().map(({ project }) => project.image))
    const before = now - olderThan
    const items = queue.list().filter(({ state, result, image, updated }) => {
      if (updated > before || state === 'running') return false
      // Whatever else stands there keeps it from being queued again.
      return followed.has(image) ? state === 'done' && result !== null : true
    })
    if (!dryRun) for (const { id } of items) await queue.forget(id)
    const count = (reason: DisposableReason): number =>
      [...disposable.values()].filter((each) => each === reason).length
    return {
      dryRun,
      statements: {
        strangers: count('stranger'),
        notFollowed: count('not-followed'),
        cards: count('card'),
        kept: store.statements.count() - (dryRun ? disposable.size : 0),
      },
      alerts: await alerts.forgetEnded(before, { dryRun }),
      queueItems: items.length,
      buildLogs: await this.#pruneLogs(dryRun),
    }
  }

  async #disposable(now: number, olderThan: number): Promise<ReadonlyMap<Sid, DisposableReason>> {
    const { identity, logs, policy, projects, store } = this.#parts
    const retention = new Retention({
      images: projects.all().map(({ project }) => project.image),
      policy: policy.lastPolicy,
      wanted: this.#parts.wanted(),
      self: identity.card.body.operator,
      logs: logs.book.heads().map(({ origin }) => origin),
      now,
      olderThan,
    })
    for await (const statement of store.statements.all()) retention.note(statement)
    for await (const statement of store.statements.all()) retention.judge(statement)
    return retention.disposable()
  }

  async #remove(sids: readonly Sid[]): Promise<void> {
    const { logs, store } = this.#parts
    for (let i = 0; i < sids.length; i += CHUNK) {
      const chunk = sids.slice(i, i + CHUNK)
      for (const sid of chunk) logs.book.bodyLost(sid)
      await logs.keeper.flush()
      await store.statements.remove(chunk)
      // Who looked in between may have found them once more.
      for (const sid of chunk) logs.book.bodyLost(sid)
      await logs.keeper.flush()
    }
  }

  async #pruneLogs(dryRun: boolean): Promise<PruneReport['buildLogs']> {
    const { config, folder, journal } = this.#parts
    const needed = await journal.logs()
    const before = Date.now() - config.disk.logAgeSeconds * 1000
    let [files, bytes] = [0, 0]
    for (const name of await readdir(folder.logs)) {
      const path = join(folder.logs, name)
      const { mtimeMs, size } = await stat(path)
      if (mtimeMs > before || needed.has(`sha256:${name.replace(/\.log$/, '')}`)) continue
      files++
      bytes += size
      if (!dryRun) await rm(path, { force: true })
    }
    return { files, bytes }
  }
}
