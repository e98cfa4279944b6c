/**
 * One node of a simulation: the protocol core as a node uses it, on a simulated disk.
 *
 * It does what node/log, node/network/sync and node/store do around the protocol: statements and the
 * book are written behind, its own log is synced before anybody hears of it, and after a crash only
 * what the disk kept is there.
 */
import { concat, toHex, utf8, parseHex } from '../../protocol/bytes.ts'
import type { CreatedStatement } from '../../protocol/create-statement.ts'
import type { Sid, UnixSeconds } from '../../protocol/identifiers.ts'
import type { EquivocationProof } from '../../protocol/log/equivocation.ts'
import type { Head } from '../../protocol/log/head.ts'
import { projectTag, tagOf } from '../../protocol/log/leaf.ts'
import type { LogBook } from '../../protocol/log/log-book.ts'
import type { BookView } from '../../protocol/log/log-view.ts'
import type { Origin } from '../../protocol/log/origin.ts'
import type { OwnLog, OwnLogChange } from '../../protocol/log/own-log.ts'
import type { OperatorCard } from '../../protocol/operator-card.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import type { SyncQuery } from '../../protocol/sync/query.ts'
import type { OriginStanding, SyncBook } from '../../protocol/sync/sync-book.ts'
import type { Answer } from '../../protocol/verdict/answer.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { TEST_IMAGE, type TestOperator } from '../support/statements.ts'
import { simCrypto, simSigner } from './sim-crypto.ts'
import { SimDisk, type DiskChange } from './sim-disk.ts'
import type { World } from './world.ts'

const TAG = projectTag(TEST_IMAGE, simCrypto)
const SECRET = utf8('sixteen of bytes')

export interface Opened {
  readonly statement: SignedStatement
  readonly bytes: Uint8Array
}

export class SimNode {
  readonly name: string
  readonly place: number
  /** Whose log it keeps; a reader has none. */
  readonly operator: TestOperator | undefined
  readonly disk = new SimDisk()
  readonly #world: World
  /** Files beside the store: nobody restores them with a backup of it. */
  mark: number | undefined
  /** What the clock says beyond the true time. */
  clockError = 0
  up = true
  /** Whether a peer has said what it knows of our logs. */
  signing = false
  /** Set by a restored backup, until a peer that knows the end of its log was asked. */
  restored = false
  /** Statements of its own that it has told a user are kept. */
  readonly acknowledged = new Set<Sid>()
  /** Peers that lied. */
  readonly banned = new Set<string>()

  book!: LogBook
  sync!: SyncBook
  statements!: Map<Sid, Opened>
  cards!: Map<Sid, SignedStatement<OperatorCard>>
  #own: OwnLog | undefined
  #broken = false
  #floor = 0
  /** Changes with everything that an answer may depend on. */
  changes = 0

  constructor(name: string, place: number, world: World, operator?: TestOperator) {
    this.name = name
    this.place = place
    this.#world = world
    this.operator = operator
    this.#boot(false)
  }

  /** The clock itself, as it stands. */
  get clock(): UnixSeconds {
    return Math.floor(this.#world.queue.now + this.clockError)
  }

  /** By which answers are given and heads are signed. */
  get now(): UnixSeconds {
    return Math.max(this.clock, this.#floor)
  }

  get own(): OwnLog | undefined {
    return this.#own
  }

  // As SyncWishes
  query(): SyncQuery {
    return { operators: this.#world.named, keys: [], tags: [TAG] }
  }

  standing({ operator, key }: Origin): OriginStanding {
    if (!this.#world.named.includes(operator)) return 'unwanted'
    const owners = [...this.cards.values()].filter(({ body }) => body.keys.includes(key))
    if (owners.length === 0) return 'needs-card'
    return owners.every(({ body }) => body.operator === operator) ? 'wanted' : 'unwanted'
  }

  /** Takes a statement that was verified. */
  take(opened: Opened): void {
    const { statement, bytes } = opened
    if (this.statements.has(statement.sid)) return
    this.disk.write([[`statement ${statement.sid}`, bytes]], { sync: false })
    this.#hold(opened)
    if (statement.key === this.operator?.key.publicKey && this.signing) this.#append([statement])
  }

  /** The book is told of statements that came before their leaves, and written behind. */
  commit(): void {
    for (const { origin } of this.book.heads()) {
      for (const sid of [...this.book.missingBodies(origin.text)]) {
        const here = this.statements.get(sid)
        if (here !== undefined) this.book.bodyArrived(here.statement, here.bytes)
      }
    }
    const records = this.book.takeRecords()
    if (records.length === 0) return
    this.changes++
    const changes = records.map(({ name, value }): DiskChange => [`book ${toHex(name)}`, value])
    this.disk.write(changes, { sync: false })
  }

  /** Looks at a head that came by gossip: whether its leaves, or its card, must be fetched. */
  offerHead(head: Head): { readonly gap: boolean; readonly proof?: EquivocationProof | undefined } {
    const standing = this.standing(head.origin)
    if (standing !== 'wanted') return { gap: standing === 'needs-card' }
    const { answer, proof } = this.sync.offerHead(head, this.clock)
    this.commit()
    return { gap: answer.kind === 'needs-leaves', proof }
  }

  releaseHeld(): void {
    for (const head of this.book.releaseHeld(this.clock)) this.book.offerHead(head, this.clock)
    this.commit()
  }

  /** Signs a statement of its own and keeps it, with its leaf, durably. */
  publish({ statement, bytes }: CreatedStatement): void {
    const own = this.#ownLog()
    const body: DiskChange = [`statement ${statement.sid}`, bytes]
    const leaf = this.#broken ? [] : own.append(statement.sid, tagOf(statement.body, simCrypto))
    this.disk.write([body, ...leaf.map(ownChange)], { sync: true })
    this.acknowledged.add(statement.sid)
    this.#hold({ statement, bytes })
  }

  /** A head over all that was published; undefined where none may be signed yet. */
  sign(): Head | undefined {
    const { operator } = this
    const own = this.#own
    if (operator === undefined || own === undefined || !this.signing || own.size === 0) {
      return undefined
    }
    this.mark = Math.max(this.mark ?? 0, own.origin.n)
    const { sid, body } = operator.card.statement
    const signer = simSigner(operator.key.publicKey)
    const { head, records } = own.sign(this.clock, { version: body.version, sid }, signer)
    this.disk.write([...records.map(ownChange), this.#writingTime()], { sync: true })
    const answer = this.book.offerHead(head, head.time)
    if (answer.kind === 'needs-leaves') {
      this.book.addLeaves(answer.from, this.ownSlots(head, answer.from), head)
    }
    this.commit()
    return head
  }

  ownSlots({ origin, size }: Head, from = 0): Uint8Array {
    return concat(...this.#ownLog().slots(origin.n, from, size))
  }

  /** A peer has said what it knows of our logs: heads are signed from now on. */
  confirm(): void {
    if (this.operator === undefined || this.signing) return
    const own = this.#ownLog()
    const { id, key } = this.operator
    const { book } = this
    const all = [...book.heads(), ...book.held(), ...book.gaps().map(({ head }) => head)]
    const known = all.filter(({ origin }) => origin.operator === id && origin.key === key.publicKey)
    const strange = known.filter((head) => !own.knows(head))
    const others = this.#broken ? known : strange
    if (this.#broken || strange.length > 0) {
      const [largest] = [...others].sort(
        (a, b) => b.origin.n - a.origin.n || b.size - a.size || b.time - a.time,
      )
      this.disk.write(own.reopen(largest).map(ownChange), { sync: true })
      this.#broken = false
    }
    for (const { time } of known) own.notBefore(time)
    this.signing = true
    this.restored = false
    this.#append(
      [...this.statements.values()]
        .map(({ statement }) => statement)
        .filter((statement) => statement.key === key.publicKey),
    )
  }

  writeTime(): void {
    this.disk.write([this.#writingTime()], { sync: false })
  }

  crash(random: SeededRandom): void {
    this.up = false
    this.disk.crash(random)
  }

  /** A statement on the disk is damaged, and so is none. */
  damage(random: SeededRandom): void {
    const others = [...this.statements.keys()].filter((sid) => !this.acknowledged.has(sid))
    if (others.length === 0) return
    this.disk.write([[`statement ${random.pick(others)}`, undefined]], { sync: true })
  }

  /** With `recheck`, after a stop that was not in order. */
  restart(recheck = true): void {
    this.up = true
    this.#boot(recheck)
  }

  /** The last step of the log view, and of an answer. */
  view(now = this.now): BookView {
    return this.#world.code.createLogView({
      book: this.book,
      cards: this.cards.values(),
      operators: this.#world.policy.operators,
      now,
      crypto: simCrypto,
    })
  }

  answer(digest: string, view: BookView, now = this.now): Answer {
    const { code, policy, projects } = this.#world
    return code.decide({
      question: { repository: TEST_IMAGE, digest, platform: 'linux/amd64' },
      statements: [...this.statements.values()].map(({ statement }) => statement),
      projects,
      policy,
      now,
      view,
      crypto: simCrypto,
    })
  }

  #hold(opened: Opened): void {
    const { statement, bytes } = opened
    this.statements.set(statement.sid, opened)
    if (statement.body.kind === 'operator') {
      this.cards.set(statement.sid, statement as SignedStatement<OperatorCard>)
    }
    this.book.bodyArrived(statement, bytes)
    this.changes++
  }

  #append(statements: readonly SignedStatement[]): void {
    const own = this.#ownLog()
    for (const { sid, key, body } of statements) {
      const isLogged = this.book.leafOf(sid, key, this.operator?.id ?? '') !== undefined
      if (this.#broken || own.has(sid) || isLogged) continue
      this.disk.write(own.append(sid, tagOf(body, simCrypto)).map(ownChange), { sync: true })
    }
  }

  #ownLog(): OwnLog {
    if (this.#own === undefined) throw new Error(`${this.name} keeps no log`)
    return this.#own
  }

  #writingTime(): DiskChange {
    this.#floor = this.now
    return ['time', utf8(String(this.#floor))]
  }

  #boot(recheck: boolean): void {
    const { code } = this.#world
    this.statements = new Map()
    this.cards = new Map()
    this.signing = false
    this.#broken = false
    const time = this.disk.get('time')
    this.#floor = time === undefined ? 0 : Number(new TextDecoder().decode(time))
    this.book = new code.LogBook({
      crypto: simCrypto,
      secret: SECRET,
      wants: (origin) => this.standing(origin) === 'wanted',
    })
    this.sync = new code.SyncBook(this.book)
    for (const [, bytes] of this.disk.scan('statement ')) {
      const statement = this.#world.open(bytes)
      if (statement instanceof Error) throw statement
      this.statements.set(statement.sid, { statement, bytes })
      if (statement.body.kind === 'operator') {
        this.cards.set(statement.sid, statement as SignedStatement<OperatorCard>)
      }
    }
    this.book.restore(
      this.disk.scan('book ').map(([name, value]) => ({
        name: parseHex(name.slice(5)) ?? new Uint8Array(),
        value,
      })),
    )
    if (recheck) this.#forgetLost()
    this.commit()
    if (this.operator !== undefined) this.#bootOwn(this.operator)
  }

  #bootOwn({ id, key }: TestOperator): void {
    const records = this.disk.scan('own ').map(([name, value]) => ({
      name: parseHex(name.slice(4)) ?? new Uint8Array(),
      value,
    }))
    const init = { operator: id, key: key.publicKey }
    const own = this.#world.code.OwnLog.restore(simCrypto, init, records)
    this.#own = own
    const isBehind = this.mark !== undefined && (own.origin.n < this.mark || own.size === 0)
    this.#broken = own.damage !== undefined || isBehind
  }

  /** After a stop that was not in order each statement that is said to be here is looked for. */
  #forgetLost(): void {
    for (const { origin, size } of this.book.heads()) {
      const slots = this.book.entries(origin.text, 0, size)
      for (let at = 0; at < slots.length; at += 49) {
        const sid = toHex(slots.subarray(at + 1, at + 33))
        if (slots[at] === 1 && !this.statements.has(sid)) this.book.bodyLost(sid)
      }
    }
  }
}

function ownChange({ name, value }: OwnLogChange): DiskChange {
  return [`own ${toHex(name)}`, value]
}
