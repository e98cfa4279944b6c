/** Our reading of a plain tar against those of GNU tar and of Python, entry by entry. */
import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import { type GnuEntry, listWithGnuTar } from './gnu-tar-listing.ts'
import { readLayer, type ReadLayerOptions } from './read-layer.ts'
import type { ListedEntry, RefereedLayer } from './referee.ts'
import { listTree, sortEntries } from './tree-listing.ts'

const LETTERS: Readonly<Record<string, string>> = {
  directory: 'd',
  file: '-',
  symlink: 'l',
  char: 'c',
  block: 'b',
  fifo: 'p',
  xlink: 'h',
}

/** Larger files come in several. */
const PIECE_BYTES = 5000

/** One reading of the file by us; how many entries it has. */
export function expectAgreement(
  file: string,
  name: string,
  python: RefereedLayer | undefined,
  options?: ReadLayerOptions,
): number {
  const layer = readLayer(readFileSync(file), { ...options, pieceBytes: PIECE_BYTES })
  const ours = listTree(layer.root)
  if (python !== undefined) {
    expect(layer.digest, name).toBe(python.digest)
    const once = new Map(python.entries.map((entry) => [entry.path, entry]))
    expect(ours, name).toEqual(sortEntries(once.values()))
  }
  expectGnuTar(ours, listWithGnuTar(file), name)
  return ours.length
}

function expectGnuTar(
  ours: readonly ListedEntry[],
  theirs: readonly GnuEntry[],
  name: string,
): void {
  const entries = theirs.filter(({ path }) => !/(?:^|\/)\.wh\.[^/]*$/.test(path))
  const byPath = new Map(ours.map((entry) => [entry.path, entry]))
  expect([...byPath.keys()].sort(), name).toEqual(
    [...new Set(entries.map(({ path }) => path))].sort(),
  )
  for (const { letter, path, target, ...facts } of entries) {
    const own = byPath.get(path)
    const what = `${name}: ${path}`
    const linked = letter === 'h' ? byPath.get(target ?? '') : undefined
    if (linked !== undefined) {
      // Another name of an inode of this layer: it is the same under both.
      expect({ ...own, path }, what).toEqual({ ...linked, path })
      continue
    }
    expect(LETTERS[own?.kind ?? ''], what).toBe(letter)
    const { mode, ...rest } = facts
    expect(own, what).toMatchObject(letter === 'l' ? rest : facts)
    if (letter !== 'l') expect(own?.mode, what).toBe(mode)
    if (target !== undefined) expect(own?.target, what).toBe(target)
  }
}
