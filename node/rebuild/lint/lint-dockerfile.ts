/**
 * A Dockerfile read for inputs that are not pinned, stage by stage, as the target needs them.
 *
 * Only what has a sign is reported; what cannot be read, such as a script that a step runs, is
 * passed over. node/rebuild/README.md.
 */
import type { Recipe } from '../../../protocol/recipe.ts'
import { findBaseImages } from '../base-images.ts'
import {
  parseDockerfile,
  readAssignments,
  substitute,
  type Dockerfile,
  type Instruction,
} from '../dockerfile.ts'
import { lintAdd, lintFetches } from './fetch-rules.ts'
import type { Report } from './finding.ts'
import { lintPackages, type ReadSource } from './package-rules.ts'
import { aptVerb, lintResidue } from './residue-rules.ts'
import { runText } from './run-text.ts'
import { baseName, operands, readCommands, type ShellCommand } from './shell-commands.ts'
import { baseDate, namesSnapshot, snapshotDate } from './snapshot.ts'

export interface DockerfileToLint {
  readonly text: string
  readonly recipe: Recipe
  readonly platforms: readonly string[]
  /** The project's own image. */
  readonly image: string
  readonly readSource: ReadSource
}

const PINNED = /@sha256:[0-9a-f]{64}$/
/** Package managers of distributions, and the verbs by which they install. */
const OTHER_MANAGERS: Readonly<Record<string, readonly string[]>> = {
  apk: ['add', 'upgrade'],
  dnf: ['install', 'upgrade', 'update'],
  microdnf: ['install', 'upgrade', 'update'],
  yum: ['install', 'upgrade', 'update'],
  zypper: ['install', 'in', 'update', 'up'],
  pacman: ['-S', '-Sy', '-Syu', '-Su', '-Syyu'],
}

interface StageState {
  readonly name: string
  readonly variables: Map<string, string>
  snapshot: string | undefined
  usesSnapshot: boolean
  base: string | undefined
}

/** Throws BuildError where no builder would take the Dockerfile. */
export function lintDockerfile(input: DockerfileToLint, report: Report): void {
  const { text, recipe, platforms, image } = input
  const dockerfile = parseDockerfile(text)
  if (dockerfile.syntax !== undefined && !PINNED.test(dockerfile.syntax)) {
    report(lineOfSyntax(text), 'syntax-unpinned', dockerfile.syntax)
  }
  const bases = new Set(
    platforms.flatMap((platform) => findBaseImages(text, recipe, platform, image)),
  )
  new DockerfileLint(input, dockerfile, report).run(bases)
}

function lineOfSyntax(text: string): number {
  return text.split('\n').findIndex((line) => /^\s*#\s*syntax\s*=/i.test(line)) + 1
}

class DockerfileLint {
  readonly #input: DockerfileToLint
  readonly #dockerfile: Dockerfile
  readonly #lines: readonly string[]
  readonly #report: Report
  readonly #globals: Map<string, string>
  readonly #stages: StageState[] = []

  constructor(input: DockerfileToLint, dockerfile: Dockerfile, report: Report) {
    this.#input = input
    this.#dockerfile = dockerfile
    this.#report = report
    this.#lines = input.text.replace(/^\uFEFF/, '').split(/\r?\n/)
    this.#globals = new Map()
  }

  /** `bases` are the images that the target needs, as they are written after substitution. */
  run(bases: ReadonlySet<string>): void {
    const unpinned = new Set([...bases].filter((base) => !PINNED.test(base)))
    const { instructions } = this.#dockerfile
    for (const [at, instruction] of instructions.entries()) {
      const next = instructions[at + 1]?.line ?? this.#lines.length + 1
      this.#one(instruction, next, unpinned)
    }
    // Named in a way that this reading does not see line by line: said at the top.
    for (const base of unpinned) this.#report(1, 'base-unpinned', base)
  }

  #one(instruction: Instruction, next: number, unpinned: Set<string>): void {
    const { keyword, rest, line, flags } = instruction
    const stage = this.#stages.at(-1)
    const variables = stage?.variables ?? this.#globals
    if (keyword === 'FROM') this.#from(rest, line, unpinned)
    else if (keyword === 'ARG' || keyword === 'ENV') this.#set(keyword, rest, variables)
    else if (stage === undefined) return
    else if (keyword === 'RUN') this.#step(instruction, next, stage)
    if (keyword === 'COPY' || keyword === 'ADD') {
      const words = readWords(rest).map((word) => substitute(word, variables) ?? word)
      const target = words.at(-1) ?? ''
      if (keyword === 'ADD') lintAdd(line, flags, words.slice(0, -1), this.#report)
      if (stage !== undefined) this.#copied(words.slice(0, -1), target, stage)
    }
    for (const flag of flags) {
      const from = /(?:^--from=|[=,]from=)([^,]+)/.exec(flag)?.[1]
      if (from !== undefined) this.#used(substitute(from, variables) ?? from, line, unpinned)
    }
  }

  #from(rest: string, line: number, unpinned: Set<string>): void {
    const [written = '', as, name = ''] = rest.split(/\s+/)
    const reference = substitute(written.replaceAll(/["']/g, ''), this.#globals) ?? written
    const parent = this.#stages.find(
      (stage) => stage.name !== '' && stage.name === reference.toLowerCase(),
    )
    this.#used(reference, line, unpinned)
    this.#stages.push({
      name: as?.toLowerCase() === 'as' ? name.toLowerCase() : '',
      variables: new Map(parent?.variables),
      snapshot: parent?.snapshot,
      usesSnapshot: parent?.usesSnapshot ?? false,
      base: parent?.base ?? reference,
    })
  }

  #used(reference: string, line: number, unpinned: Set<string>): void {
    if (!unpinned.delete(reference.replace(/^docker:\/\//i, ''))) return
    this.#report(line, 'base-unpinned', reference)
  }

  #set(keyword: string, rest: string, variables: Map<string, string>): void {
    for (const [name, written] of readAssignments(rest)) {
      const given = keyword === 'ARG' ? this.#input.recipe.buildArgs?.[name] : undefined
      const value = written === undefined ? undefined : substitute(written, variables)
      variables.set(name, given ?? value ?? this.#globals.get(name) ?? '')
    }
  }

  /** A sources file that is copied in may name the snapshot. */
  #copied(sources: readonly string[], target: string, stage: StageState): void {
    if (!target.startsWith('/etc/apt')) return
    for (const source of sources) {
      const text = this.#input.readSource(source)
      if (text === undefined || namesSnapshot(text)) this.#snapshot(text ?? '', stage)
    }
  }

  #snapshot(text: string, stage: StageState): void {
    stage.usesSnapshot = true
    stage.snapshot ??= snapshotDate(text, stage.variables, this.#input.recipe.sourceDateEpoch)
  }

  #step(instruction: Instruction, next: number, stage: StageState): void {
    const text = runText(this.#lines, this.#dockerfile, instruction, next)
    const commands = readCommands(text)
    const mounts = cacheMounts(instruction.flags)
    if (namesSnapshot(text.text) || instruction.flags.some(namesSnapshot)) {
      this.#snapshot(text.text, stage)
    }
    const context = {
      readSource: this.#input.readSource,
      variables: new Set(stage.variables.keys()),
    }
    if (!isOffline(instruction, this.#input.recipe)) {
      lintFetches(commands, this.#report)
      for (const command of commands) lintPackages(command, context, this.#report)
      this.#distribution(commands, stage)
    }
    lintResidue({ commands, mounts }, this.#report)
  }

  #distribution(commands: readonly ShellCommand[], stage: StageState): void {
    const report = this.#report
    const apt = commands.find((command) => aptVerb(command) === 'install')
    if (apt !== undefined && !stage.usesSnapshot) {
      report(apt.line, 'apt-no-snapshot', apt.words.join(' '))
    }
    const base = stage.base === undefined ? undefined : baseDate(stage.base)
    if (apt !== undefined && base !== undefined && stage.snapshot !== undefined) {
      if (base > stage.snapshot) {
        report(apt.line, 'base-newer-than-snapshot', `${base}, snapshot of ${stage.snapshot}`)
      }
    }
    for (const command of commands) {
      const verbs = OTHER_MANAGERS[baseName(command.words[0] ?? '')]
      const asked = command.words.slice(1).some((word) => verbs?.includes(word) === true)
      if (asked && !stage.usesSnapshot && operands(command).length > 0) {
        report(command.line, 'packages-unpinned', command.words.join(' '))
      }
    }
  }
}

function isOffline({ flags }: Instruction, recipe: Recipe): boolean {
  return recipe.network === 'none' || flags.includes('--network=none')
}

function cacheMounts(flags: readonly string[]): readonly string[] {
  return flags.flatMap((flag) => {
    if (!/^--mount=(?:.*,)?type=(?:cache|tmpfs)/.test(flag)) return []
    return /(?:^--mount=|,)(?:target|dst|destination)=([^,]+)/.exec(flag)?.[1] ?? []
  })
}

function readWords(rest: string): readonly string[] {
  if (!rest.startsWith('[')) return rest.split(/\s+/)
  return [...rest.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = '']) => word)
}
