/**
 * Mutants: copies of protocol/ with one line made wrong on purpose, to show that a test sees it.
 *
 * A mutant lives in a temporary folder and is imported from there, so a run takes milliseconds and
 * touches nothing. The patch must apply exactly once: code that moves on takes its mutants along.
 */
import { readFileSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export interface Mutant {
  /** What is wrong with it. */
  readonly name: string
  /** Below protocol/. */
  readonly file: string
  readonly find: string
  readonly replace: string
  /** The property that it must fail. */
  readonly killedBy: string
  /** Where its seeds must have something in them that few others have. */
  readonly scenario?: string
  /** Runs always, not only where all do. */
  readonly quick?: boolean
}

export interface MutatedProtocol {
  /** Imports a module of the mutated copy, by its path below protocol/. */
  import(file: string): Promise<unknown>
  remove(): Promise<void>
}

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** The mutants in a file of test/mutants. */
export function loadMutants(file: string): Mutant[] {
  return JSON.parse(readFileSync(join(root, 'test', 'mutants', file), 'utf8')) as Mutant[]
}

export async function mutateProtocol({
  name,
  file,
  find,
  replace,
}: Mutant): Promise<MutatedProtocol> {
  const folder = await mkdtemp(join(tmpdir(), 'rebuildnet-mutant-'))
  const copy = join(folder, 'protocol')
  // Without its tsconfig, whose base is not there.
  const filter = (path: string): boolean => !basename(path).startsWith('tsconfig')
  await cp(join(root, 'protocol'), copy, { recursive: true, filter })
  await writeFile(join(folder, 'package.json'), '{"type":"module"}')
  // What protocol/ imports from outside is as it is.
  await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
  const path = join(copy, file)
  const source = await readFile(path, 'utf8')
  const pieces = source.split(find)
  if (pieces.length !== 2) {
    await rm(folder, { recursive: true })
    throw new Error(`mutant "${name}": ${pieces.length - 1} places in ${file} match, not one`)
  }
  await writeFile(path, pieces.join(replace))
  return {
    import: (module) => import(/* @vite-ignore */ pathToFileURL(join(copy, module)).href),
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
