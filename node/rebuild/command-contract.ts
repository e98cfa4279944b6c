/**
 * What the program of the builder `command` is given, and what its end says: docker/BUILDERS.md.
 */
import { join } from 'node:path'
import { plainRegistries } from './base-images.ts'
import type { BuildErrorCode } from './build-error.ts'
import type { BuildJob } from './builder.ts'
import type { PlannedFile } from './planned-command.ts'
import { SYSTEM_PATH } from './sandbox.ts'

export interface CommandProgram {
  /** Absolute. */
  readonly path: string
  /** Before the phase. */
  readonly args: readonly string[]
  /** Of the program's file, in hex. */
  readonly sha256: string
  /** What it reads beside the system's programs; absolute. */
  readonly readable: readonly string[]
  /** It does in a user namespace what it does as root, and runs in one where the machine allows it. */
  readonly ownUsers: boolean
}

/** Version of the contract, for programs that know several. */
const CONTRACT = '1'

/** What an exit code of the program says; any other is a failure of the program itself. */
export const EXIT_CODES: Readonly<Record<number, BuildErrorCode>> = {
  1: 'step-failed',
  64: 'recipe-not-supported',
  65: 'dockerfile-invalid',
  69: 'base-fetch-failed',
  75: 'step-fetch-failed',
}

export type CommandPhase = 'fetch' | 'build'

export interface CommandLayout {
  readonly work: string
  readonly scratch: string
  readonly home: string
  readonly temporary: string
  readonly root: string
  readonly image: string
  readonly recipe: string
  readonly bases: string
  readonly materials: string
}

export function layOutCommand(work: string): CommandLayout {
  const scratch = join(work, 'scratch')
  return {
    work,
    scratch,
    home: join(work, 'home'),
    temporary: join(work, 'tmp'),
    root: join(work, 'root'),
    image: join(work, 'image'),
    recipe: join(scratch, 'recipe.json'),
    bases: join(scratch, 'bases'),
    materials: join(scratch, 'materials.json'),
  }
}

export function programCommand(
  { path, args }: CommandProgram,
  phase: CommandPhase | 'version',
): readonly string[] {
  return [path, ...args, phase]
}

export interface CommandPaths {
  readonly source: string
  readonly dockerfile: string
  readonly context: string
  /** Images that the Dockerfile names. */
  readonly bases: readonly string[]
}

/** The whole environment of the program: no variable of the node's own is in it. */
export function programEnvironment(
  layout: CommandLayout,
  { recipe, platform, commit, insecureRegistries }: BuildJob,
  { source, dockerfile, context, bases }: CommandPaths,
): Readonly<Record<string, string>> {
  const { sourceDateEpoch, target, network } = recipe
  return {
    PATH: SYSTEM_PATH,
    HOME: layout.home,
    TMPDIR: layout.temporary,
    LC_ALL: 'C.UTF-8',
    TZ: 'UTC',
    REBUILDNET_CONTRACT: CONTRACT,
    SOURCE: source,
    DOCKERFILE: dockerfile,
    CONTEXT: context,
    RECIPE: layout.recipe,
    BASES: layout.bases,
    PLATFORM: platform,
    COMMIT: commit,
    NETWORK: network ?? 'default',
    PLAIN_HTTP: plainRegistries(bases, insecureRegistries).join(' '),
    WORK: layout.scratch,
    OUTPUT: layout.image,
    MATERIALS: layout.materials,
    ...(target === undefined ? {} : { TARGET: target }),
    ...(sourceDateEpoch === undefined ? {} : { SOURCE_DATE_EPOCH: String(sourceDateEpoch) }),
  }
}

/** The folders that it finds, and may write. */
export function programFolders({ scratch, home, temporary }: CommandLayout): readonly string[] {
  return [scratch, home, temporary]
}

/** The files that it finds in them. */
export function programFiles(
  layout: CommandLayout,
  { recipe }: Pick<BuildJob, 'recipe'>,
  bases: readonly string[],
): readonly PlannedFile[] {
  return [
    { path: layout.recipe, text: `${JSON.stringify(recipe, null, 2)}\n`, mode: 0o644 },
    { path: layout.bases, text: bases.map((base) => `${base}\n`).join(''), mode: 0o644 },
  ]
}
