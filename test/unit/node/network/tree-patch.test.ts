import { describe, expect, it } from 'vitest'
import { applyPatch, createPatch } from '../../../../node/network/trees/patch.ts'
import { MAX_OBJECT_BYTES } from '../../../../node/network/trees/limits.ts'
import { concat } from '../../../../protocol/bytes.ts'
import { makeDirectory, makeFile } from '../../../support/tree-objects.ts'

const directory = (entries: Readonly<Record<string, number>>): Uint8Array =>
  makeDirectory(
    Object.entries(entries)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, byte]) => [name, makeFile(byte)] as const),
  ).preimage

const many = (change: Readonly<Record<string, number>> = {}, without: readonly string[] = []) => {
  const all = Object.fromEntries(
    Array.from({ length: 500 }, (_, i) => [`file-${1000 + i}`, i % 250]),
  )
  const entries = Object.entries({ ...all, ...change }).filter(([name]) => !without.includes(name))
  return directory(Object.fromEntries(entries))
}

const u32 = (value: number): number[] => [
  value >>> 24,
  (value >> 16) & 255,
  (value >> 8) & 255,
  value & 255,
]

describe('a directory as a patch of one like it', () => {
  it.each<[string, Uint8Array, number]>([
    ['one name changed', many({ 'file-1300': 251 }), 200],
    ['the first and the last changed', many({ 'file-1000': 251, 'file-1499': 251 }), 300],
    ['names added', many({ 'a-first': 1, 'file-1200x': 2, 'z-last': 3 }), 400],
    ['names gone', many({}, ['file-1000', 'file-1250', 'file-1499']), 200],
    ['nothing left', directory({}), 100],
    ['the same', many(), 100],
  ])('with %s comes out whole, and is small', (_, target, most) => {
    const base = many()
    const patch = createPatch(base, target)!
    expect(patch.length).toBeLessThan(most)
    expect(applyPatch(base, patch)).toEqual(target)
  })

  it('of one that has nothing in common is all of it', () => {
    const [base, target] = [directory({}), many()]
    expect(applyPatch(base, createPatch(base, target)!)).toEqual(target)
  })

  it('is never made of what is no directory', () => {
    expect(createPatch(Uint8Array.of(1, 2), many())).toBeUndefined()
    expect(createPatch(many(), many().slice(0, -1))).toBeUndefined()
  })

  it('that is cut gives something else or nothing, wherever it is cut', () => {
    const [base, target] = [many(), many({ 'file-1300': 251 })]
    const patch = createPatch(base, target)!
    for (let length = 0; length < patch.length; length++) {
      expect(applyPatch(base, patch.slice(0, length))).not.toEqual(target)
    }
  })

  it.each([
    ['copies from beyond the base', [1, ...u32(10), ...u32(1_000_000)]],
    ['copies from nowhere', [1, ...u32(0xffffffff), ...u32(2)]],
    ['has fewer bytes than it says', [0, ...u32(5), 1, 2]],
    ['has an unknown step', [2, ...u32(0), ...u32(0)]],
  ])('that %s gives nothing', (_, patch) => {
    expect(applyPatch(many(), Uint8Array.from(patch))).toBeUndefined()
  })

  it('cannot be blown up', () => {
    const base = many()
    const once = Uint8Array.of(1, ...u32(0), ...u32(base.length))
    const times = Math.ceil(MAX_OBJECT_BYTES / base.length) + 1
    expect(applyPatch(base, concat(...Array.from({ length: times }, () => once)))).toBeUndefined()
  })
})
