/**
 * Keeps this node's own log: every statement of ours is in it from the batch that stores it on, and
 * a head is on the disk before anybody sees it. design.md section 6.
 *
 * No head is signed before a peer has said what it knows of our logs: a folder that was restored from
 * a backup would otherwise sign another history than the one that others hold. What others know and
 * we do not closes the log; the next one begins behind it, loudly.
 */
import type { Sid, UnixSeconds } from '../../protocol/identifiers.ts'
import type { Crypto } from '../../protocol/crypto.ts'
import type { Head, HeadCard } from '../../protocol/log/head.ts'
import { tagOf } from '../../protocol/log/leaf.ts'
import { OwnLog, type OwnLogChange, type OwnLogRecord } from '../../protocol/log/own-log.ts'
import type { Signer } from '../../protocol/signer.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import type { Logger } from '../logger.ts'
import type { RecordChange } from '../record-change.ts'
import { loadOriginMark, writeOriginMark, type OwnKey } from './origin-mark.ts'

/** A head is signed when the last one is so old; design.md asks for one in 6 h. */
const HEAD_INTERVAL_SECONDS = 3 * 3600
/** A start signs none where the last is younger and says the same. */
const MIN_HEAD_AGE_SECONDS = 600
/** Leaves that are written together. */
const MAX_BATCH = 500
const REOPENED = 'own-log-reopened'
/** Record of a store whose disk has lost what was written to it, until the own log was closed for that. */
export const DISK_LOST = 'disk-lost'

/** What the own log needs of a store. */
interface OwnLogStore {
  readonly ownLog: {
    scan(prefix: Uint8Array): AsyncIterable<OwnLogRecord>
    putting(name: Uint8Array, value: Uint8Array): RecordChange
    deleting(name: Uint8Array): RecordChange
  }
  readonly meta: {
    get(name: string): Promise<unknown>
    putting(name: string, value: unknown): RecordChange
  }
  readonly statements: {
    put(
      bytes: Uint8Array,
      options: { readonly sync: boolean; readonly along: readonly RecordChange[] },
    ): Promise<'stored' | 'known'>
    ofKey(key: string): Promise<readonly SignedStatement[]>
  }
  write(changes: readonly RecordChange[], options: { readonly sync: boolean }): Promise<void>
}

/** When and why a log was closed before its time. */
export interface Reopening {
  /** Number of the log that was opened then. */
  readonly n: number
  readonly at: UnixSeconds
  readonly why: string
}

export interface OwnLogState {
  readonly origin: string
  readonly size: number
  /** Size and time of the last head; null where none was signed. */
  readonly head: { readonly size: number; readonly time: UnixSeconds } | null
  /** Whether heads are signed: a peer has said what it knows of our logs. */
  readonly signing: boolean
  /** False where it was restored from a backup or damaged, until it has been closed for that. */
  readonly whole: boolean
  /** Whether another node was seen, in this run, to sign with this key while this one does. */
  readonly shared: boolean
  /** Whether that was more than once: no head is signed here. */
  readonly halted: boolean
  readonly reopened: Reopening | null
}

export interface OwnLogComponents {
  readonly store: OwnLogStore
  readonly crypto: Crypto
  readonly signer: Signer
  readonly time: { seconds(): UnixSeconds; writingDown(): RecordChange }
  readonly logger: Logger
  /** Whether a statement of ours stands in a log of ours that others have kept. */
  readonly isLogged: (sid: Sid) => boolean
  /** The newest own card. */
  readonly card: () => HeadCard
  /** Called with each head once it is on the disk. */
  readonly signed: (head: Head, log: OwnLog) => Promise<void>
  /** Called once a log was closed because others knew more of it, or because it was damaged. */
  readonly reopened: (reopening: Reopening) => Promise<void>
  /** Called once another node was seen to sign with this key while this one does. */
  readonly shared: () => Promise<void>
}

export interface OwnLogKeeperInit extends OwnKey {
  /** File of the number of the newest log. */
  readonly markFile: string
  /** Whether the disk has lost what was written to it. */
  readonly diskLost: boolean
}

export class OwnLogKeeper {
  readonly #components: OwnLogComponents
  readonly #init: OwnLogKeeperInit
  #log: OwnLog
  #mark: number | undefined
  /** Why the log must not be continued as it is; it is not appended to before it was reopened. */
  #broken: string | undefined
  #signing = false
  /** What others have signed after that is not of a backup: somebody signs it now. */
  #signingSince: UnixSeconds = Infinity
  #shared = false
  #reopened: Reopening | undefined
  /** How often, since heads are signed, others had one that we had not signed. */
  #outdone = 0
  #turn: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  constructor(components: OwnLogComponents, init: OwnLogKeeperInit) {
    this.#components = components
    this.#init = init
    this.#log = OwnLog.restore(components.crypto, init, [])
  }

  /** Reads it, and appends what was signed before there were logs. */
  async load(): Promise<void> {
    await this.#reload()
    this.#mark = await loadOriginMark(this.#init.markFile, this.#init)
    if (this.#log.damage !== undefined) this.#broken = this.#log.damage
    else if (this.#isBehindMark) this.#broken = 'the store has lost it'
    else if (this.#init.diskLost || (await this.#components.store.meta.get(DISK_LOST)) === true) {
      this.#broken = 'the disk has lost what was written last'
    }
    const reopened = await this.#components.store.meta.get(REOPENED)
    if (reopened !== undefined) this.#reopened = reopened as Reopening
    await this.catchUp()
  }

  get log(): OwnLog {
    return this.#log
  }

  state(): OwnLogState {
    const { origin, size, head } = this.#log
    return {
      origin: origin.text,
      size,
      head: head === undefined ? null : { size: head.size, time: head.time },
      signing: this.#signing,
      whole: this.#broken === undefined,
      shared: this.#shared,
      halted: this.#isHalted,
      reopened: this.#reopened ?? null,
    }
  }

  /** Whether it stands in the log, or will in the one that is opened. */
  has(sid: Sid): boolean {
    return this.#log.has(sid)
  }

  /**
   * Stores a statement of ours and its leaf, both or neither, durably. To be signed once it has been
   * told: who hears the head first would have to ask for it.
   */
  store(statement: SignedStatement, bytes: Uint8Array): Promise<'stored' | 'known'> {
    return this.#inTurn(async () => {
      const { store } = this.#components
      if (this.#broken !== undefined || this.#isStuck()) {
        // It is logged when the log has been reopened.
        return store.statements.put(bytes, { sync: true, along: [] })
      }
      await this.#closeIfFull()
      const records = this.#log.append(statement.sid, this.#tag(statement))
      return this.#orReload(() =>
        store.statements.put(bytes, { sync: true, along: this.#changes(records) }),
      )
    })
  }

  /** Whether `confirm` with these heads would close the log: worth to ask more peers before. */
  mustReopen(known: readonly Head[]): boolean {
    return this.#broken !== undefined || known.some((head) => !this.#log.knows(head))
  }

  /** Appends every statement of ours that is stored and stands in no log. */
  async catchUp(): Promise<void> {
    await this.#append(await this.#components.store.statements.ofKey(this.#init.key))
  }

  /** A statement of ours that came back from others. */
  async relog(statement: SignedStatement): Promise<void> {
    // Before a peer has said what it knows of our logs, it may stand in one of them.
    if (!this.#signing) return
    await this.#append([statement])
    await this.signQuietly()
  }

  /**
   * A peer has said which heads of ours it knows. From now on heads are signed; where one of these is
   * not ours, or the own log is not whole, behind all of them.
   */
  async confirm(known: readonly Head[]): Promise<void> {
    await this.#compare(known)
    await this.#inTurn(async () => {
      if (this.#broken !== undefined) await this.#reopen(this.#broken, known)
      this.#signing = true
      this.#signingSince = Math.min(this.#signingSince, this.#components.time.seconds())
    })
    await this.catchUp()
    await this.sign({ evenIfCovered: true })
    if (this.#timer !== undefined) return
    this.#timer = setInterval(() => void this.signQuietly(), MIN_HEAD_AGE_SECONDS * 1000)
    this.#timer.unref()
  }

  /** Heads under our own key that came from others; before `confirm`, which is given all of them, nothing. */
  async heard(heads: readonly Head[]): Promise<void> {
    if (!this.#signing || !(await this.#compare(heads))) return
    await this.catchUp()
    await this.sign({ evenIfCovered: true })
  }

  /** Closes the log where others hold a head that is not ours; whether it did. */
  #compare(heads: readonly Head[]): Promise<boolean> {
    return this.#inTurn(async () => {
      const strange = heads.filter((head) => !this.#log.knows(head))
      if (strange.length === 0) {
        for (const { time } of heads) this.#log.notBefore(time)
        return false
      }
      if (this.#signing) this.#outdone++
      const isNew = strange.some(({ time }) => time >= this.#signingSince)
      if (this.#isHalted || isNew) await this.#noteShared()
      if (this.#isHalted) return false
      const why = isNew
        ? 'another node signs with the key of this one'
        : 'others hold a later head of it: a backup was restored'
      await this.#reopen(why, strange)
      return true
    })
  }

  async #noteShared(): Promise<void> {
    if (this.#shared) return
    this.#shared = true
    await this.#components.shared()
  }

  /** Signs a head where one is due. */
  async sign(options: { readonly evenIfCovered?: boolean } = {}): Promise<void> {
    const head = await this.#inTurn(async () => {
      if (!this.#signing || this.#isHalted || this.#broken !== undefined) return undefined
      if (this.#log.size === 0) return undefined
      const { head: last } = this.#log
      const age = this.#components.time.seconds() - (last?.time ?? 0)
      const isDue =
        last === undefined ||
        this.#log.isAhead ||
        last.card.sid !== this.#components.card().sid ||
        age >= HEAD_INTERVAL_SECONDS ||
        (options.evenIfCovered === true && age >= MIN_HEAD_AGE_SECONDS)
      if (isDue) return this.#sign()
      // Others may not have heard it yet.
      return options.evenIfCovered === true ? last : undefined
    })
    if (head !== undefined) await this.#components.signed(head, this.#log)
  }

  /** What was stored is stored, signed or not: the next attempt covers it. */
  async signQuietly(): Promise<void> {
    try {
      await this.sign()
    } catch (error) {
      this.#components.logger.error({ error: String(error) }, 'the own head was not signed')
    }
  }

  async #append(statements: readonly SignedStatement[]): Promise<void> {
    await this.#inTurn(async () => {
      const { store, isLogged } = this.#components
      let changes: RecordChange[] = []
      const write = async (): Promise<void> => {
        const ready = changes
        changes = []
        if (ready.length > 0) await this.#orReload(() => store.write(ready, { sync: true }))
      }
      for (const statement of statements) {
        if (this.#broken !== undefined || this.#isStuck()) break
        if (this.#log.has(statement.sid) || isLogged(statement.sid)) continue
        if (this.#log.isFull || changes.length >= MAX_BATCH) await write()
        await this.#closeIfFull()
        changes.push(...this.#changes(this.#log.append(statement.sid, this.#tag(statement))))
      }
      await write()
    })
  }

  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  async #sign(): Promise<Head> {
    const { store, time, card, signer } = this.#components
    const { n } = this.#log.origin
    if (this.#mark === undefined || this.#mark < n) {
      await writeOriginMark(this.#init.markFile, this.#init, n)
      this.#mark = n
    }
    const { head, records } = this.#log.sign(time.seconds(), card(), signer)
    const changes = [...this.#changes(records), time.writingDown()]
    await this.#orReload(() => store.write(changes, { sync: true }))
    return head
  }

  /** A full log is closed by a head that covers all of it. */
  async #closeIfFull(): Promise<void> {
    if (this.#log.isFull && this.#log.isAhead) {
      await this.#components.signed(await this.#sign(), this.#log)
    }
  }

  /** Whether a later log than the store has was opened once, or one of which it has nothing. */
  get #isBehindMark(): boolean {
    if (this.#mark === undefined) return false
    return this.#log.origin.n < this.#mark || this.#log.size === 0
  }

  /** Whether the log is full and may not be signed yet. */
  #isStuck(): boolean {
    return this.#log.isFull && this.#log.isAhead && !this.#signing
  }

  async #reopen(why: string, known: readonly Head[]): Promise<void> {
    const { store, logger, time, reopened } = this.#components
    const [largest] = [...known].sort(
      (a, b) => b.origin.n - a.origin.n || b.size - a.size || b.time - a.time,
    )
    const records = this.#log.reopen(largest)
    const { n } = this.#log.origin
    const reopening: Reopening = { n, at: time.seconds(), why }
    const changes = [
      ...this.#changes(records),
      store.meta.putting(REOPENED, reopening),
      store.meta.putting(DISK_LOST, false),
    ]
    await this.#orReload(() => store.write(changes, { sync: true }))
    this.#broken = undefined
    this.#reopened = reopening
    logger.error(
      { origin: this.#log.origin.text, why },
      'the own log was closed and a new one begun',
    )
    await reopened(reopening)
  }

  /** Two machines that take turns at outdoing each other would open logs for ever. */
  get #isHalted(): boolean {
    return this.#outdone > 1
  }

  #tag({ body }: SignedStatement): string {
    return tagOf(body, this.#components.crypto)
  }

  #changes(records: readonly OwnLogChange[]): RecordChange[] {
    const { ownLog } = this.#components.store
    return records.map(({ name, value }) =>
      value === undefined ? ownLog.deleting(name) : ownLog.putting(name, value),
    )
  }

  /** Where a write fails, what is in memory is no longer what is on the disk. */
  async #orReload<T>(write: () => Promise<T>): Promise<T> {
    try {
      return await write()
    } catch (error) {
      await this.#reload()
      throw error
    }
  }

  async #reload(): Promise<void> {
    const { store, crypto } = this.#components
    const records: OwnLogRecord[] = []
    for await (const record of store.ownLog.scan(OwnLog.prefix(this.#init))) records.push(record)
    this.#log = OwnLog.restore(crypto, this.#init, records)
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => undefined)
    return done
  }
}
