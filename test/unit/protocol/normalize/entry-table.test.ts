import { describe, expect, it } from 'vitest'
import { EntryTable } from '../../../../protocol/normalize/entry-table.ts'
import { halfSipHash } from '../../../../protocol/normalize/half-sip-hash.ts'
import { MemoryBlocks, TreeBytes } from '../../../../protocol/normalize/tree-bytes.ts'

const KEY = { k0: 0x12345678, k1: 0x9abcdef0 }
const table = (): EntryTable => new EntryTable(new TreeBytes(new MemoryBlocks()), KEY)

describe('a table of entries', () => {
  it('finds each of many names below its own parent, and no other', () => {
    const entries = table()
    const added = new Map<string, number>()
    let last = [0, 0, 0]
    for (let i = 0; i < 3000; i++) {
      const parent = i % 3
      const name = `name-${Math.floor(i / 3)}`
      const entry = entries.add(parent, name, 'file', last[parent] ?? 0)
      last = last.with(parent, entry)
      entries.set(entry, i)
      added.set(`${parent}/${name}`, entry)
    }
    for (const [path, entry] of added) {
      const [parent = '', name = ''] = path.split('/')
      expect(entries.find(Number(parent), name)).toBe(entry)
    }
    expect(entries.find(3, 'name-1')).toBeUndefined()
    expect(entries.find(0, 'name-1000')).toBeUndefined()
    expect(entries.find(0, 'name-')).toBeUndefined()
    expect(entries.listFrom(last[1] ?? 0)).toHaveLength(1000)
  })

  it('sorts names by their bytes', () => {
    const entries = table()
    const names = ['b', 'a', 'a\u00ff', 'a-', 'a.b', '', 'A', '\u00c3\u00a9', 'ab']
    let last = 0
    for (const name of names) last = entries.add(0, name, 'file', last)
    entries.forget()
    const sorted = [...entries.sort(entries.listFrom(last))].map((entry) => entries.name(entry))
    expect(sorted).toEqual(names.toSorted((a, b) => (a < b ? -1 : 1)))
  })
})

describe('the hash of a name', () => {
  it('is another one under another key, parent or name', () => {
    const hashes = new Set([
      halfSipHash(KEY, 0, 'name'),
      halfSipHash(KEY, 1, 'name'),
      halfSipHash(KEY, 0, 'namf'),
      halfSipHash(KEY, 0, 'name\0'),
      halfSipHash({ ...KEY, k0: 1 }, 0, 'name'),
      halfSipHash({ ...KEY, k1: 1 }, 0, 'name'),
    ])
    expect(hashes.size).toBe(6)
  })

  it('spreads names that differ little over all slots', () => {
    const slots = new Uint32Array(1024)
    for (let i = 0; i < 64 * 1024; i++) {
      const slot = halfSipHash(KEY, 7, `file-${i}`) % slots.length
      slots[slot] = (slots[slot] ?? 0) + 1
    }
    expect(Math.max(...slots)).toBeLessThan(2 * 64)
    expect(Math.min(...slots)).toBeGreaterThan(64 / 2)
  })
})
