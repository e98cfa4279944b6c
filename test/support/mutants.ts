/**
 * Mutants: copies of protocol/ with one line made wrong on purpose, to show that a test sees it.
 *
 * A mutant lives in a temporary folder and is imported from there, so a run takes milliseconds and
 * touches nothing. The patch must apply exactly once: code that moves on takes its mutants along.
 */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'

export interface Mutant {
  /** What is wrong with it. */
  readonly name: string
  /** Below protocol/. */
  readonly file: string
  readonly find: string
  readonly replace: string
  /** What it must fail: a property, the simulation, or a test file. */
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

const CONFIGURATION = ['package.json', 'tsconfig.json', 'tsconfig.base.json']

/** The mutants in a file of test/mutants. */
export function loadMutants(file: string): Mutant[] {
  return JSON.parse(readFileSync(join(root, 'test', 'mutants', file), 'utf8')) as Mutant[]
}

export async function mutateProtocol(mutant: Mutant): Promise<MutatedProtocol> {
  const folder = await mkdtemp(join(tmpdir(), 'rebuildnet-mutant-'))
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true })
  const copy = join(folder, 'protocol')
  try {
    // Without its tsconfig, whose base is not there.
    const filter = (path: string): boolean => !basename(path).startsWith('tsconfig')
    await cp(join(root, 'protocol'), copy, { recursive: true, filter })
    await writeFile(join(folder, 'package.json'), '{"type":"module"}')
    // What protocol/ imports from outside is as it is.
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
    await mutate(copy, mutant)
  } catch (error) {
    await remove()
    throw error
  }
  return {
    import: (module) => import(/* @vite-ignore */ pathToFileURL(join(copy, module)).href),
    remove,
  }
}

/** Runs one test file over the mutant; whether a test of it failed, and what was said. */
export async function runTestsOn(
  mutant: Mutant,
  file: string,
): Promise<{ readonly failed: boolean; readonly output: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'rebuildnet-mutant-'))
  try {
    for (const part of ['protocol', 'node', 'cli', 'test', ...CONFIGURATION]) {
      await cp(join(root, part), join(folder, part), { recursive: true })
    }
    await symlink(join(root, 'node_modules'), join(folder, 'node_modules'))
    await mutate(join(folder, 'protocol'), mutant)
    const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
    const argv = [vitest, 'run', '--root', folder, '--bail=1', '--testTimeout=120000', file]
    const { stdout, stderr } = await promisify(execFile)(process.execPath, argv, {
      cwd: folder,
      maxBuffer: 16 << 20,
    }).catch((error: unknown) => error as { stdout: string; stderr: string })
    const output = stdout + stderr
    return { failed: /\d+ failed/.test(output) && output.includes('AssertionError'), output }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

/** Changes its one line in a copy of protocol/. */
async function mutate(copy: string, { name, file, find, replace }: Mutant): Promise<void> {
  const path = join(copy, file)
  const source = await readFile(path, 'utf8')
  const pieces = source.split(find)
  if (pieces.length !== 2) {
    throw new Error(`mutant "${name}": ${pieces.length - 1} places in ${file} match, not one`)
  }
  await writeFile(path, pieces.join(replace))
}
