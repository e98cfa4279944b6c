/** Package managers that choose versions when they are run. */
import type { Report } from './finding.ts'
import { baseName, hasOption, operands, type ShellCommand } from './shell-commands.ts'

/** Whether a file of the source is there, and what it holds; undefined where nobody can know. */
export type ReadSource = (path: string) => string | undefined

export interface PackageContext {
  readonly readSource: ReadSource
  /** Names of variables that ARG and ENV have set in the stage. */
  readonly variables: ReadonlySet<string>
}

export function lintPackages(command: ShellCommand, context: PackageContext, report: Report): void {
  const program = baseName(command.words[0] ?? '')
  const unlocked = (): void =>
    report(command.line, 'dependencies-unlocked', command.words.join(' '))
  const [verb = '', ...rest] = operands(command)
  if (isPip(program, command)) lintPip(command, context, report)
  else if (program === 'npm' && ['install', 'i', 'add', 'update'].includes(verb)) unlocked()
  else if (program === 'yarn' && ['', 'install', 'add'].includes(verb)) {
    if (!hasOption(command, '--immutable', '--frozen-lockfile')) unlocked()
  } else if (program === 'pnpm' && ['install', 'i', 'add'].includes(verb)) {
    if (!hasOption(command, '--frozen-lockfile')) unlocked()
  } else if (program === 'cargo' && ['build', 'install', 'run', 'test'].includes(verb)) {
    if (!hasOption(command, '--locked', '--frozen', '--offline')) unlocked()
  } else if (program === 'go' && ['install', 'get', 'run'].includes(verb)) {
    // A version is checked against the checksum database; a branch is not a version.
    if (hasOption(command, '-u') || rest.some((word) => /@(?!v[0-9]|\$)/.test(word))) unlocked()
  } else if (program === 'gem' && verb === 'install') unlocked()
  else if (program === 'bundle' && verb === 'install') {
    const frozen = ['BUNDLE_FROZEN', 'BUNDLE_DEPLOYMENT'].some((name) =>
      context.variables.has(name),
    )
    if (!frozen && !hasOption(command, '--frozen', '--deployment', '--local')) unlocked()
  } else if (program === 'composer' && ['require', 'update'].includes(verb)) unlocked()
  else if (program === 'uv' && verb === 'sync') {
    if (!hasOption(command, '--locked', '--frozen')) unlocked()
  } else if (['pipx', 'npx', 'uvx'].includes(program) && verb !== '') unlocked()
}

function isPip(program: string, command: ShellCommand): boolean {
  if (/^pip[0-9.]*$/.test(program)) return operands(command)[0] === 'install'
  const text = command.words.join(' ')
  return (
    /^\S*python[0-9.]* -m pip install\b/.test(text) || /^\S*uv pip (?:install|sync)\b/.test(text)
  )
}

function lintPip(command: ShellCommand, context: PackageContext, report: Report): void {
  const text = command.words.join(' ')
  const offline = hasOption(command, '--no-index', '--require-hashes')
  if (!offline && !requirementsHaveHashes(command, context)) {
    report(command.line, 'dependencies-unlocked', text)
  }
  const compiles = !hasOption(command, '--no-compile') && !/\buv pip\b/.test(text)
  const dated = ['SOURCE_DATE_EPOCH', 'PYTHONDONTWRITEBYTECODE'].some((name) =>
    context.variables.has(name),
  )
  if (compiles && !dated) report(command.line, 'bytecode-times', text)
}

/** pip asks for hashes of everything where the file gives one of anything. */
function requirementsHaveHashes(command: ShellCommand, { readSource }: PackageContext): boolean {
  const { words } = command
  const files = words.flatMap((word, at) => {
    if (word === '-r' || word === '--requirement') return [words[at + 1] ?? '']
    return /^(?:-r|--requirement=)(.+)$/.exec(word)?.[1] ?? []
  })
  return files.some((file) => readSource(file)?.includes('--hash=') === true)
}
