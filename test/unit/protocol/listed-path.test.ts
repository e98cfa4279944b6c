import { describe, expect, it } from 'vitest'
import { isListedPath, listPaths } from '../../../protocol/listed-path.ts'

const long = (name: string): string => `${name}/`.padEnd(400, 'x')

describe('listed paths', () => {
  it('are at most 20, in the order in which they come', () => {
    const paths = Array.from({ length: 30 }, (_, i) => `p${i}`)
    expect(listPaths(paths)).toEqual(paths.slice(0, 20))
  })

  it('have at most 4 KiB in all', () => {
    const listed = listPaths(Array.from({ length: 20 }, (_, i) => long(`p${i}`)))
    expect(listed).toHaveLength(16)
    expect(Buffer.byteLength(listed.join(''))).toBe(4096)
  })

  it('are cut at 256 bytes with a mark that no whole path ends in', () => {
    const [cut = ''] = listPaths([long('é')])
    expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(256)
    expect(cut.endsWith('%…')).toBe(true)
    expect(isListedPath(cut)).toBe(true)
  })

  it('are each listed once, also where two look alike when cut', () => {
    expect(listPaths([`${long('a')}1`, `${long('a')}2`, 'b'])).toHaveLength(2)
  })

  it('are all ones that a statement may hold', () => {
    const paths = ['etc/shadow', '100%25', '%FF', 'caf\u00e9', 'a%0Ab', '…', long('%25')]
    expect(listPaths(paths).every((each) => isListedPath(each))).toBe(true)
  })

  it('are refused in any other spelling', () => {
    const bad = ['', '100%', '%ff', '%41', 'a\nb', '%…x', 'x'.repeat(257), '\u202eevil']
    expect(bad.filter((each) => isListedPath(each))).toEqual([])
  })
})
