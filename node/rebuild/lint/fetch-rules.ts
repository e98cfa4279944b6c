/** What a build takes from the network without saying what it must be. */
import type { Report } from './finding.ts'
import { baseName, hasOption, operands, type ShellCommand } from './shell-commands.ts'

const CHECKERS = /^(?:sha(?:1|224|256|384|512)?sum|shasum|b2sum)$/
const VERIFIERS = /^(?:gpgv|minisign|signify|cosign|rsign)$/
/** What runs or unpacks a stream before anybody could have checked it. */
const CONSUMERS = /^(?:sh|bash|dash|zsh|python[0-9.]*|perl|node|tar|bsdtar|unzip|cpio)$/
const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/

/** Fetches of one RUN step; a check counts where it is made in the same step. */
export function lintFetches(commands: readonly ShellCommand[], report: Report): void {
  const checked = commands.some(isCheck)
  const pinned = commands.some(pinsCommit)
  for (const [at, command] of commands.entries()) {
    const program = baseName(command.words[0] ?? '')
    if ((program === 'curl' || program === 'wget') && namesServer(command)) {
      const next = baseName(commands[at + 1]?.words[0] ?? '')
      const consumed = command.piped && CONSUMERS.test(next)
      if (consumed || !checked) report(command.line, 'fetch-unchecked', shown(command))
    }
    if (program === 'git' && operands(command).includes('clone') && !pinned) {
      report(command.line, 'git-unpinned', shown(command))
    }
  }
}

/** ADD of an address: a checksum, or a git repository at a commit. */
export function lintAdd(
  line: number,
  flags: readonly string[],
  sources: readonly string[],
  report: Report,
): void {
  if (
    flags.some(
      (flag) => /^--checksum=sha(?:256|384|512):/.test(flag) || flag.startsWith('--checksum=$'),
    )
  )
    return
  for (const source of sources) {
    const git = /^(?:git@|git:\/\/|ssh:\/\/)|^https?:\/\/.*\.git(?:[#?].*)?$/.test(source)
    if (git) {
      const ref =
        /#([^:]*)/.exec(source)?.[1] ?? /[?&](?:commit|checksum)=([0-9a-f]+)/.exec(source)?.[1]
      if (!isCommitOrVariable(ref ?? '')) report(line, 'git-unpinned', `ADD ${source}`)
    } else if (/^(?:https?|ftp):\/\//i.test(source))
      report(line, 'fetch-unchecked', `ADD ${source}`)
  }
}

function isCheck(command: ShellCommand): boolean {
  const program = baseName(command.words[0] ?? '')
  if (CHECKERS.test(program)) {
    return (
      hasOption(command, '--check') || command.words.some((word) => /^-[a-z]*c[a-z]*$/.test(word))
    )
  }
  if (VERIFIERS.test(program)) return true
  if (program === 'gpg') return hasOption(command, '--verify')
  return program === 'openssl' && hasOption(command, '-verify', '-sigfile')
}

function pinsCommit(command: ShellCommand): boolean {
  const words = operands(command)
  return (
    baseName(command.words[0] ?? '') === 'git' &&
    words.some((word) => ['checkout', 'reset', 'switch', 'fetch'].includes(word)) &&
    words.some(isCommitOrVariable)
  )
}

/** A variable may hold anything: what it holds is somebody's who wrote `COMMIT=…` for it. */
function isCommitOrVariable(word: string): boolean {
  return COMMIT.test(word) || /^\$\{?[A-Za-z_]*(?:COMMIT|SHA|REV|HASH)[A-Za-z_]*\}?$/i.test(word)
}

function namesServer(command: ShellCommand): boolean {
  return operands(command).some((word) => word.includes('://') || word.includes('$'))
}

function shown({ words }: ShellCommand): string {
  return words.join(' ')
}
