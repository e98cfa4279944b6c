/**
 * The book of all logs that this node follows.
 *
 * A head alone is a claim: it replaces nothing until its leaves are here and give its root. Of each
 * log the largest head with all its leaves is kept, at its latest time, so that nobody can take back
 * what was once shown. Whatever two signed heads say against each other becomes a proof, and the
 * first proof about a key is kept for ever. protocol/log/README.md.
 *
 * Pure: `now` is given, and what has changed waits in `takeRecords` for whoever writes it down.
 */
import { parseHex } from '../bytes.ts'
import type { Crypto } from '../crypto.ts'
import type { KeyHex, OperatorId, Sid, UnixSeconds } from '../identifiers.ts'
import type { SignedStatement } from '../statement.ts'
import { contradictionOf, contradictionShownBy } from './contradiction.ts'
import { proveMisfiled, proveRewrite, type EquivocationProof } from './equivocation.ts'
import { FollowedLog } from './followed-log.ts'
import type { Head } from './head.ts'
import { KnownTags } from './known-tags.ts'
import { LEAF_SLOT_BYTES, checkLeafAt, type ProjectTag } from './leaf.ts'
import { LogError } from './log-error.ts'
import type { HeadAnswer, LeavesAnswer, LogGap } from './log-answer.ts'
import { PendingRecords, type LogRecord } from './log-records.ts'
import { LogTree } from './log-tree.ts'
import type { Origin } from './origin.ts'
import { chainKey, ProofShelf } from './proof-shelf.ts'
import { readRecords, type DamagedLog } from './restore-log.ts'
import { SidIndex } from './sid-index.ts'

/** Heads may be dated this much ahead of our clock. */
export const MAX_HEAD_AHEAD_SECONDS = 600
/** Of one key: 16 million statements, far beyond anybody's need. */
export const MAX_LOGS_PER_KEY = 256
/** A leaf is found by a number of 32 bits: which log, and where in it. */
const MAX_LOGS = 65_535
const LEAVES_PER_LOG = 65_536

export type { HeadAnswer, LeavesAnswer, LogGap } from './log-answer.ts'

export interface LogBookComponents {
  readonly crypto: Crypto
  /** Random bytes of this node, that nobody else knows (see sid-index.ts). */
  readonly secret: Uint8Array
  /** Whether a log is followed: its key is one of the policy, of an announcer, or of a voter. */
  readonly wants: (origin: Origin) => boolean
}

export class LogBook {
  readonly #crypto: Crypto
  readonly #wants: (origin: Origin) => boolean
  readonly #logs: FollowedLog[] = []
  /** Origin -> number of the log. */
  readonly #numbers = new Map<string, number>()
  /** Operator and key -> its logs by n. */
  readonly #chains = new Map<string, Map<number, FollowedLog>>()
  readonly #index: SidIndex
  readonly #tags: KnownTags
  readonly #pending = new PendingRecords()
  readonly #proofs = new ProofShelf(this.#pending)

  constructor({ crypto, secret, wants }: LogBookComponents) {
    this.#crypto = crypto
    this.#wants = wants
    this.#tags = new KnownTags(crypto)
    this.#index = new SidIndex(crypto, secret, (leaf) => this.#slotOf(leaf).subarray(1, 33))
  }

  wants(origin: Origin): boolean {
    return this.#wants(origin)
  }

  /** Looks at a head whose signature `openHead` has verified. */
  offerHead(head: Head, now: UnixSeconds): HeadAnswer {
    if (!this.#wants(head.origin)) return { kind: 'unwanted' }
    const log = this.#logOf(head.origin)
    if (log === undefined) return { kind: 'refused', why: 'this key has too many logs' }
    const proof = this.#contradiction(head, log)
    if (proof !== undefined) return { kind: 'equivocation', proof: this.#proofs.keep(proof) }
    if (head.time > now + MAX_HEAD_AHEAD_SECONDS) {
      if (log.held === undefined || head.time < log.held.time) log.held = head
      return { kind: 'held', until: head.time - MAX_HEAD_AHEAD_SECONDS }
    }
    this.#noteFirst(head, log)
    const kept = log.head
    if (head.size === log.tree.size && (kept !== undefined || head.size === 0)) {
      if (kept !== undefined && head.time <= kept.time) {
        return {
          kind: head.time === kept.time && head.card.sid === kept.card.sid ? 'known' : 'older',
        }
      }
      this.#keepHead(head, log)
      return { kind: 'newer-time' }
    }
    if (head.size < log.tree.size) return { kind: 'older' }
    log.claimed(head)
    if (log.unreadable !== undefined) return { kind: 'refused', why: log.unreadable }
    return { kind: 'needs-leaves', from: log.tree.size, to: head.size }
  }

  /** Takes leaves [from, head.size) of a log, in slots of 49 bytes, after `offerHead` has asked for them. */
  addLeaves(from: number, slots: Uint8Array, head: Head): LeavesAnswer {
    const log = this.#wants(head.origin) ? this.#logOf(head.origin) : undefined
    if (log === undefined) return { kind: 'refused', why: 'this log is not followed' }
    const { tree } = log
    if (from + slots.length / LEAF_SLOT_BYTES !== head.size) return { kind: 'wrong-leaves' }
    // Much may have come since the head was offered.
    const proof = this.#contradiction(head, log)
    if (proof !== undefined) return { kind: 'equivocation', proof: this.#proofs.keep(proof) }
    if (head.size <= tree.size) return { kind: 'known' }
    if (from > tree.size) {
      return { kind: 'refused', why: `leaves ${tree.size} to ${from} are missing` }
    }
    return from === tree.size
      ? this.#continue(slots, head, log)
      : this.#compare(from, slots, head, log)
  }

  /** Keeps a proof that `openProof` has verified; false if one about its key is here, or nobody asks. */
  addProof(proof: EquivocationProof): boolean {
    if (this.#proofs.about(proof) !== undefined || !this.#wants(proof.origin)) return false
    this.#proofs.keep(proof)
    return true
  }

  /** Every proof that is kept, one for each key. */
  proofs(): readonly EquivocationProof[] {
    return this.#proofs.all()
  }

  proofAbout(operator: OperatorId, key: KeyHex): EquivocationProof | undefined {
    return this.#proofs.about({ operator, key })
  }

  /** The largest head of each log whose leaves are all here. */
  heads(): readonly Head[] {
    return this.#logs.flatMap(({ head }) => head ?? [])
  }

  /** All that is known of one log; for reading. */
  log(origin: string): FollowedLog | undefined {
    const number = this.#numbers.get(origin)
    return number === undefined ? undefined : this.#logs[number]
  }

  head(origin: string): Head | undefined {
    return this.log(origin)?.head
  }

  /** Heads that wait for their time. */
  held(): readonly Head[] {
    return this.#logs.flatMap(({ held }) => held ?? [])
  }

  /** Takes out the held heads whose time has come, to be offered again. */
  releaseHeld(now: UnixSeconds): readonly Head[] {
    return this.#logs.flatMap((log) => {
      const { held } = log
      if (held === undefined || held.time > now + MAX_HEAD_AHEAD_SECONDS) return []
      log.held = undefined
      return [held]
    })
  }

  /** What the claims wait for. */
  gaps(): readonly LogGap[] {
    return this.#logs.flatMap(({ claim, tree, unreadable }) =>
      claim === undefined || unreadable !== undefined
        ? []
        : [{ head: claim, from: tree.size, to: claim.size }],
    )
  }

  /** The logs of one key, in their order. */
  logsOf(operator: OperatorId, key: KeyHex): readonly FollowedLog[] {
    const chain = this.#chains.get(chainKey({ operator, key }))
    return [...(chain?.values() ?? [])].sort((a, b) => a.origin.n - b.origin.n)
  }

  /** Slots of leaves [from, to), as far as they are here. */
  entries(origin: string, from: number, to: number): Uint8Array {
    const tree = this.log(origin)?.tree
    const end = Math.min(to, tree?.size ?? 0)
    return tree === undefined || from >= end ? new Uint8Array(0) : tree.slots(from, end)
  }

  /** Where the log of this key, in the name of this operator, lists the statement. */
  leafOf(
    sid: Sid,
    key: KeyHex,
    operator: OperatorId,
  ): { readonly origin: Origin; readonly index: number } | undefined {
    for (const [log, index] of this.#leaves(sid)) {
      const { origin } = log
      if (origin.key === key && origin.operator === operator) return { origin, index }
    }
    return undefined
  }

  /** Whether any log lists the statement: what is listed is fetched without a quota. */
  isListed(sid: Sid): boolean {
    return this.#leaves(sid).length > 0
  }

  /**
   * A verified statement is here; `bytes` is its binary form. Without a body it is one of a kind that
   * this rebuildnet does not read; where it was not `kept`, it is declined. Returns the proof that it
   * gives, if any.
   */
  bodyArrived(
    statement: Pick<SignedStatement, 'sid' | 'key'> & Partial<Pick<SignedStatement, 'body'>>,
    bytes: Uint8Array,
    kept = true,
  ): EquivocationProof | undefined {
    const { sid, key, body } = statement
    const tag = body && this.#tags.of(body)
    let proof: EquivocationProof | undefined
    for (const [log, index] of this.#leaves(sid)) {
      const foreign = log.origin.key !== key
      if (foreign) log.markForeign(index)
      else if (!kept) log.markDeclined(index)
      else if (log.markHere(index)) this.#pending.setBits(log, index)
      const { head } = log
      // What cannot be read here cannot be shown to others either.
      if (tag === undefined || head === undefined || (!foreign && log.tagAt(index) === tag))
        continue
      const prove = (): EquivocationProof =>
        proveMisfiled(head, log.tree, index, bytes, this.#crypto)
      proof ??= this.#proofs.keepMade(log.origin, prove)
    }
    return proof
  }

  /** A statement came that is not kept: peers are not asked for it until `forgetDeclined`. */
  declineBody(sid: Sid): void {
    for (const [log, index] of this.#leaves(sid)) log.markDeclined(index)
  }

  forgetDeclined(): void {
    for (const log of this.#logs) log.forgetDeclined()
  }

  /** A statement that was here is not any more. */
  bodyLost(sid: Sid): void {
    for (const [log, index] of this.#leaves(sid)) {
      if (log.markMissing(index)) this.#pending.setBits(log, index)
    }
  }

  /** Listed statements of a log that are not here: of some projects, or of all. */
  missingBodies(origin: string, tags?: ReadonlySet<ProjectTag>): Iterable<Sid> {
    return this.log(origin)?.missingSids(tags) ?? []
  }

  /** What has changed since the last time, to be written in one batch. */
  takeRecords(): readonly LogRecord[] {
    return this.#pending.take()
  }

  /** Records that could not be written: they are handed out again. */
  giveBack(records: readonly LogRecord[]): void {
    this.#pending.giveBack(records)
  }

  /**
   * Reads back what was written, into an empty book. A log whose records do not certify themselves
   * is named, and its head is a claim again: its leaves come from peers.
   */
  restore(records: Iterable<LogRecord>): readonly DamagedLog[] {
    if (this.#logs.length > 0) throw new Error('a book is restored before it is used')
    const { logs, claims, proofs, damaged } = readRecords(records, this.#crypto)
    // At once: to grow bit by bit is to find the place of every leaf again and again.
    this.#index.reserve(logs.reduce((sum, { head }) => sum + head.size, 0))
    for (const { head, first, slots, here } of logs) {
      const log = this.#logOf(head.origin)
      if (log === undefined) continue
      log.head = head
      log.first = first
      log.tree.append(slots)
      this.#takeIn(log, 0)
      for (let index = 0; index < log.tree.size; index++) {
        if (here(index)) log.markHere(index)
      }
    }
    for (const claim of claims) this.#logOf(claim.origin)?.claimed(claim)
    for (const proof of proofs) this.#proofs.restore(proof)
    return damaged
  }

  /** Leaves behind those that are here. */
  #continue(slots: Uint8Array, head: Head, log: FollowedLog): LeavesAnswer {
    const { tree } = log
    const from = tree.size
    tree.append(slots)
    if (tree.root() !== head.root) {
      tree.truncate(from)
      return { kind: from > 0 ? 'restart' : 'wrong-leaves' }
    }
    return this.#accept(from, head, log)
  }

  /** Leaves that overlap with those that are here. */
  #compare(from: number, slots: Uint8Array, head: Head, log: FollowedLog): LeavesAnswer {
    const whole = new LogTree(this.#crypto, log.tree.slots(0, from))
    whole.append(slots)
    if (whole.root() !== head.root) return { kind: from > 0 ? 'restart' : 'wrong-leaves' }
    const kept = log.head
    if (kept !== undefined && !whole.hasPrefix(kept.size, kept.root)) {
      const proof = this.#proofs.keep(proveRewrite(kept, head, whole, this.#crypto))
      return { kind: 'equivocation', proof }
    }
    const size = log.tree.size
    log.tree.append(whole.slots(size))
    return this.#accept(size, head, log)
  }

  /** The leaves give the head's root: from here on what is wrong with them is the owner's fault. */
  #accept(from: number, head: Head, log: FollowedLog): LeavesAnswer {
    const { tree } = log
    try {
      for (let index = from; index < tree.size; index++) {
        checkLeafAt(tree.slot(index), head.origin.n, index)
      }
    } catch (error) {
      if (!(error instanceof LogError)) throw error
      tree.truncate(from)
      log.unreadable = error.message
      return { kind: 'refused', why: error.message }
    }
    this.#takeIn(log, from)
    const { claim, first } = log
    this.#noteFirst(head, log)
    this.#keepHead(head, log)
    this.#pending.setLeaves(log, from)
    if (claim !== undefined && claim.size <= head.size) log.claim = undefined
    const proof = contradictionShownBy(log, from, [claim, first], this.#crypto)
    return proof === undefined
      ? { kind: 'extended', from, to: head.size }
      : { kind: 'equivocation', proof: this.#proofs.keep(proof) }
  }

  /** Leaves from `from` on have come into the tree. */
  #takeIn(log: FollowedLog, from: number): void {
    const number = this.#numbers.get(log.origin.text) ?? 0
    log.tookIn(from)
    this.#index.reserve(log.tree.size - from)
    const isOfLog = (leaf: number): boolean => leaf >>> 16 === number
    for (let index = from; index < log.tree.size; index++) {
      const isSeal = log.origin.n > 0 && index === 0
      // A second leaf of a statement adds nothing to the first, and a seal waits for nothing.
      if (isSeal || !this.#index.add(number * LEAVES_PER_LOG + index, isOfLog)) {
        log.markHere(index)
      }
    }
  }

  #contradiction(head: Head, log: FollowedLog): EquivocationProof | undefined {
    const chain = this.#chains.get(chainKey(head.origin))?.values() ?? []
    return contradictionOf(head, log, chain, this.#crypto)
  }

  #keepHead(head: Head, log: FollowedLog): void {
    log.head = head
    this.#pending.setHead('head', head)
  }

  #noteFirst(head: Head, log: FollowedLog): void {
    if (log.first !== undefined && log.first.time <= head.time) return
    log.first = head
    this.#pending.setHead('first', head)
  }

  /** The log of an origin, begun where there is none; undefined beyond the limits. */
  #logOf(origin: Origin): FollowedLog | undefined {
    const known = this.log(origin.text)
    if (known !== undefined) return known
    const chain = this.#chains.get(chainKey(origin)) ?? new Map<number, FollowedLog>()
    if (chain.size >= MAX_LOGS_PER_KEY || this.#logs.length >= MAX_LOGS) return undefined
    const log = new FollowedLog(origin, this.#crypto)
    this.#numbers.set(origin.text, this.#logs.length)
    this.#logs.push(log)
    this.#chains.set(chainKey(origin), chain.set(origin.n, log))
    return log
  }

  #leaves(sid: Sid): [FollowedLog, number][] {
    const bytes = parseHex(sid)
    if (bytes?.length !== 32) return []
    return this.#index.find(bytes).flatMap((leaf) => {
      const log = this.#logs[leaf >>> 16]
      return log === undefined ? [] : [[log, leaf & 0xffff] as [FollowedLog, number]]
    })
  }

  #slotOf(leaf: number): Uint8Array {
    const log = this.#logs[leaf >>> 16]
    if (log === undefined) throw new Error('a leaf of no log')
    return log.tree.slot(leaf & 0xffff)
  }
}
