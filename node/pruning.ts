/**
 * Lets go of what nothing needs any more: statements (disposable.ts), alerts that ended, queue items
 * that are done and said, and logs of builds. Own statements and the own log are never touched.
 *
 * The log book learns that a statement is not here before it goes: a crash in between leaves the node
 * doubting what it has, and never believing that it has what it has not.
 */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Sid } from '../protocol/identifiers.ts'
import { Retention, type DisposableReason } from './disposable.ts'
import type { PruneReport } from './http/node-service.ts'
import type { Logger } from './logger.ts'
import type { NodeParts } from './node-parts.ts'

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
const FIRST_MS = 600_000

export class Pruning {
  readonly #parts: Parts
  readonly #logger: Logger
  #turn: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  constructor(parts: Parts, logger: Logger) {
    this.#parts = parts
    this.#logger = logger
  }

  /** By itself from time to time, where the configuration says so. */
  start(): void {
    const { everySeconds, olderThanSeconds: olderThan } = this.#parts.config.prune
    if (everySeconds === 0) return
    this.#timer = setTimeout(
      () => {
        this.prune({ dryRun: false, olderThan })
          .catch((error: unknown) => {
            this.#logger.error({ error: String(error) }, 'it was not pruned; it is tried again')
          })
          .finally(() => this.start())
      },
      // Not all in one at a start; no timer holds for longer than 24 days.
      Math.min(Math.max(everySeconds * 1000, FIRST_MS), 2 ** 31 - 1),
    )
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await this.#turn
  }

  prune(options: PruneOptions): Promise<PruneReport> {
    const done = this.#turn.then(() => this.#prune(options))
    this.#turn = done.catch(() => undefined)
    return done
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
