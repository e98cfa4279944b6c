/** What steps leave behind that is known to differ at each build. */
import type { Report } from './finding.ts'
import { baseName, hasOption, operands, type ShellCommand } from './shell-commands.ts'

/** What one RUN step did to the files that package managers leave. */
export interface StepFiles {
  readonly commands: readonly ShellCommand[]
  /** Where caches and tmpfs are mounted: nothing below it gets into the image. */
  readonly mounts: readonly string[]
}

/** What apt leaves, and the commands that make it. */
const RESIDUE = [
  { path: '/var/lib/apt/lists', sample: '/var/lib/apt/lists/x' },
  { path: '/var/cache/apt', sample: '/var/cache/apt/pkgcache.bin' },
  { path: '/var/log', sample: '/var/log/dpkg.log' },
  { path: '/var/cache/ldconfig/aux-cache', sample: '/var/cache/ldconfig/aux-cache' },
] as const

export function lintResidue(step: StepFiles, report: Report): void {
  const install = step.commands.find((command) => aptVerb(command) === 'install')
  if (install !== undefined) {
    const removed = step.commands
      .filter(
        ({ words }) => baseName(words[0] ?? '') === 'rm' || baseName(words[0] ?? '') === 'find',
      )
      .flatMap(operands)
    for (const { path, sample } of RESIDUE) {
      const mounted = step.mounts.some((mount) => isBelow(sample, mount))
      if (mounted || removed.some((each) => removes(each, path))) continue
      report(install.line, 'residue-kept', path)
    }
  }
  for (const command of step.commands) {
    lintArchive(command, report)
    lintChance(command, report)
  }
  lintUsers(step.commands, report)
}

/** `install`, `update`… of apt-get; undefined where the command is another. */
export function aptVerb(command: ShellCommand): string | undefined {
  const program = baseName(command.words[0] ?? '')
  if (!['apt-get', 'apt', 'aptitude'].includes(program)) return undefined
  const verb = operands(command).find((word) => /^[a-z-]+$/.test(word))
  return verb === 'upgrade' || verb === 'dist-upgrade' || verb === 'full-upgrade' ? 'install' : verb
}

function removes(operand: string, path: string): boolean {
  const folder = operand.replace(/\/\*+$/, '').replace(/\/$/, '')
  return folder === path || isBelow(path, folder) || operand.startsWith(`${path}/`)
}

function isBelow(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder.replace(/\/$/, '')}/`)
}

function lintArchive(command: ShellCommand, report: Report): void {
  const { words, line } = command
  const program = baseName(words[0] ?? '')
  const flags = words
    .slice(1)
    .filter((word) => /^-[A-Za-z0-9]+$/.test(word))
    .join('')
  if (program === 'gzip' || program === 'pigz') {
    const unpacks = /[dtl]/.test(flags) || hasOption(command, '--decompress', '--test', '--list')
    if (!unpacks && !flags.includes('n') && !hasOption(command, '--no-name')) {
      report(line, 'archive-times', words.join(' '))
    }
  }
  if (program === 'tar') {
    const creates = hasOption(command, '--create') || /^-?[a-zA-Z]*c/.test(words[1] ?? '')
    const settled = hasOption(command, '--mtime') && hasOption(command, '--sort')
    if (creates && !settled) report(line, 'archive-times', words.join(' '))
  }
  if (program === 'zip' && !/[X]/.test(flags)) report(line, 'archive-times', words.join(' '))
}

const CHANCE = new Set(['uuidgen', 'ssh-keygen', 'dbus-uuidgen', 'mcookie'])

function lintChance(command: ShellCommand, report: Report): void {
  const { words, line } = command
  const program = baseName(words[0] ?? '')
  const [verb] = operands(command)
  const asksClock =
    program === 'date' &&
    !words.some(
      (word) => /^(?:-[a-zA-Z]*[dr]|--date|--reference)/.test(word) || word.startsWith('@'),
    )
  const makesKey =
    program === 'openssl' && ['rand', 'genrsa', 'genpkey', 'req'].includes(verb ?? '')
  const reads = words.some((word) => word.includes('/dev/urandom') || /\$\{?RANDOM\b/.test(word))
  if (asksClock || makesKey || reads || CHANCE.has(program)) {
    report(line, 'clock-or-chance', words.join(' '))
  }
}

function lintUsers(commands: readonly ShellCommand[], report: Report): void {
  const settled = commands.some(
    (command) =>
      baseName(command.words[0] ?? '') === 'chage' ||
      // Whoever edits the file by hand knows what stands in it.
      (baseName(command.words[0] ?? '') === 'sed' &&
        command.words.some((word) => word.includes('/etc/shadow'))),
  )
  if (settled) return
  const adds = commands.find(({ words }) =>
    ['useradd', 'adduser', 'chpasswd'].includes(baseName(words[0] ?? '')),
  )
  if (adds !== undefined) report(adds.line, 'shadow-day', adds.words.join(' '))
}
