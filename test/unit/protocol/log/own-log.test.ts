import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../../node/crypto/node-crypto.ts'
import { compareBytes, toHex } from '../../../../protocol/bytes.ts'
import { openHead, type Head } from '../../../../protocol/log/head.ts'
import { CARD_TAG, MAX_LOG_SIZE, parseLeaf } from '../../../../protocol/log/leaf.ts'
import { OwnLog, type OwnLogChange, type OwnLogRecord } from '../../../../protocol/log/own-log.ts'
import { hexOf, makeOperator, TEST_TIME } from '../../../support/statements.ts'

const alice = makeOperator('alice')
const init = { operator: alice.id, key: alice.key.publicKey }
const card = { version: 1, sid: alice.card.statement.sid }

/** A disk: what was written, in the order of the names. */
class Disk {
  readonly #records = new Map<string, OwnLogRecord>()

  write(changes: readonly OwnLogChange[]): this {
    for (const { name, value } of changes) {
      if (value === undefined) this.#records.delete(toHex(name))
      else this.#records.set(toHex(name), { name, value })
    }
    return this
  }

  records(): OwnLogRecord[] {
    return [...this.#records.values()].sort((a, b) => compareBytes(a.name, b.name))
  }

  copy(): Disk {
    return new Disk().write(this.records())
  }

  open(): OwnLog {
    return OwnLog.restore(nodeCrypto, init, this.records())
  }
}

const sameName = (a: Uint8Array, b: Uint8Array): boolean => toHex(a) === toHex(b)

function append(log: OwnLog, disk: Disk, ...names: string[]): void {
  for (const name of names) disk.write(log.append(hexOf(name), CARD_TAG))
}

function sign(log: OwnLog, disk: Disk, now = TEST_TIME): Head {
  const { head, records } = log.sign(now, card, alice.key)
  disk.write(records)
  return head
}

describe('the own log', () => {
  it('is after a restart what it was, and knows every head that it signed', () => {
    const disk = new Disk()
    const log = disk.open()
    append(log, disk, 'a', 'b')
    const first = sign(log, disk)
    append(log, disk, 'c')
    const second = sign(log, disk, TEST_TIME + 60)
    const again = disk.open()
    expect(again.damage).toBeUndefined()
    expect([again.size, again.has(hexOf('c')), again.has(hexOf('d'))]).toEqual([3, true, false])
    expect(openHead(again.head!.bytes, nodeCrypto)).toMatchObject({ size: 3, root: second.root })
    expect([again.knows(first), again.knows(second)]).toEqual([true, true])
    expect(sign(again, disk, TEST_TIME + 61).root).toBe(second.root)
  })

  it('holds a statement once', () => {
    const disk = new Disk()
    const log = disk.open()
    append(log, disk, 'a', 'a')
    expect(log.size).toBe(1)
    expect(disk.open().append(hexOf('a'), CARD_TAG)).toEqual([])
  })

  it('never dates a head before the last one, whatever the clock says', () => {
    const disk = new Disk()
    const log = disk.open()
    append(log, disk, 'a')
    sign(log, disk, TEST_TIME + 1000)
    expect(sign(log, disk, TEST_TIME).time).toBe(TEST_TIME + 1000)
    expect(sign(disk.open(), disk, TEST_TIME).time).toBe(TEST_TIME + 1000)
  })

  it('opens another log where others know a larger head: a backup was restored', () => {
    const disk = new Disk()
    const log = disk.open()
    append(log, disk, 'a', 'b')
    sign(log, disk)
    const backup = disk.copy()
    append(log, disk, 'c')
    const told = sign(log, disk, TEST_TIME + 600)

    const restored = backup.open()
    append(restored, backup, 'other')
    expect(restored.knows(told)).toBe(false)
    backup.write(restored.reopen(told))
    expect(restored.origin.n).toBe(1)
    expect(parseLeaf(restored.slots(1, 0, 1)[0]!)).toEqual({
      kind: 'seal',
      size: 3,
      root: told.root,
    })
    // What no head covered is appended anew.
    expect(restored.has(hexOf('other'))).toBe(false)
    append(restored, backup, 'other')
    const head = sign(restored, backup, TEST_TIME)
    expect(head).toMatchObject({ size: 2, time: TEST_TIME + 600 })
    const again = backup.open()
    expect(again.damage).toBeUndefined()
    expect([again.origin.n, again.size, again.has(hexOf('other'))]).toEqual([1, 2, true])
  })

  it('goes behind every log that others know of: the backup was restored before', () => {
    const disk = new Disk()
    const log = disk.open()
    append(log, disk, 'a')
    sign(log, disk)
    const backup = disk.copy()
    append(log, disk, 'b')
    const told = sign(log, disk)

    const once = backup.copy()
    const first = once.open()
    once.write(first.reopen(told))
    append(first, once, 'x')
    const later = sign(first, once)

    const second = backup.open()
    expect(second.knows(later)).toBe(false)
    backup.write(second.reopen(later))
    expect(second.origin.n).toBe(2)
    expect(parseLeaf(second.slots(2, 0, 1)[0]!)).toMatchObject({ kind: 'seal', size: 2 })
  })

  it('does not take a head of the same size with another root for its own', () => {
    const [one, other] = [new Disk(), new Disk()]
    const log = one.open()
    append(log, one, 'a')
    sign(log, one)
    const twin = other.open()
    append(twin, other, 'b')
    expect(log.knows(sign(twin, other))).toBe(false)
  })

  it('begins again a log of which no head was signed', () => {
    const disk = new Disk()
    const log = disk.open()
    append(log, disk, 'a', 'b')
    disk.write(log.reopen(undefined))
    expect([log.origin.n, log.size, log.has(hexOf('a'))]).toEqual([0, 0, false])
    expect(disk.open().size).toBe(0)
  })

  it('is reopened, and never continued, where a leaf is missing or changed', () => {
    const disk = new Disk()
    const log = disk.open()
    append(log, disk, 'a', 'b', 'c')
    const { root } = sign(log, disk)
    const records = disk.records()
    for (const [i, { name, value }] of records.slice(0, 3).entries()) {
      const rest = records.filter((_, j) => j !== i)
      const changed = value.slice()
      changed[20]! ^= 1
      for (const damaged of [rest, records.with(i, { name, value: changed })]) {
        const bent = OwnLog.restore(nodeCrypto, init, damaged)
        expect(bent.damage, `record ${i}`).toBeDefined()
        expect(() => bent.append(hexOf('d'), CARD_TAG)).toThrow('damaged')
        const changes = bent.reopen(undefined)
        // What was closed stays as it is, and is no reason to close the next one.
        const later = damaged.filter(
          ({ name: each }) => !changes.some((c) => sameName(c.name, each)),
        )
        const written = changes.flatMap(({ name: n, value: v }) =>
          v ? [{ name: n, value: v }] : [],
        )
        expect(OwnLog.restore(nodeCrypto, init, [...later, ...written]).damage).toBeUndefined()
        expect(parseLeaf(bent.slots(1, 0, 1)[0]!)).toEqual({ kind: 'seal', size: 3, root })
      }
    }
  })

  it('goes on without its head, which covered no more than the leaves that are here', () => {
    const disk = new Disk()
    const log = disk.open()
    append(log, disk, 'a', 'b')
    const { root } = sign(log, disk)
    const records = disk.records()
    for (const damaged of [
      records.slice(0, 2),
      records.with(2, { ...records[2]!, value: new Uint8Array(9) }),
    ]) {
      const again = OwnLog.restore(nodeCrypto, init, damaged)
      expect([again.damage, again.isAhead]).toEqual([undefined, true])
      expect(again.sign(TEST_TIME, card, alice.key).head.root).toBe(root)
    }
  })

  it('passes over the records of another key', () => {
    const disk = new Disk()
    append(disk.open(), disk, 'a')
    const other = { operator: alice.id, key: makeOperator('bob').key.publicKey }
    const log = OwnLog.restore(nodeCrypto, other, disk.records())
    expect([log.size, log.has(hexOf('a'))]).toEqual([0, false])
  })

  it('closes a full log once a head covers it, and goes on in the next', () => {
    const disk = new Disk()
    const log = disk.open()
    for (let i = 0; i < MAX_LOG_SIZE; i++) log.append(hexOf(`${i}`), CARD_TAG)
    expect(() => log.append(hexOf('one more'), CARD_TAG)).toThrow('signed before')
    const { root } = sign(log, disk)
    log.append(hexOf('one more'), CARD_TAG)
    expect([log.origin.n, log.size]).toEqual([1, 2])
    expect(parseLeaf(log.slots(1, 0, 1)[0]!)).toEqual({ kind: 'seal', size: MAX_LOG_SIZE, root })
  })
})
