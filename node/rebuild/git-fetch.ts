/**
 * Fetching one commit with git, deaf to all configuration but our own.
 *
 * By its id first, shallow; then by its ref, and then by all refs, from servers that allow no
 * less. The commit that comes must have that very id.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BuildError } from './build-error.ts'
import type { BuildLog } from './build-log.ts'
import { runCommand, succeeded, type CommandResult } from './command.ts'
import { SYSTEM_PATH } from './sandbox.ts'
import { probeSandbox } from './sandbox-probe.ts'
import type { SourceLocation } from './source-location.ts'

export interface GitFetchOptions {
  readonly location: SourceLocation
  /** What the fetch is pinned to; empty: whatever the host resolves to. */
  readonly addresses: readonly string[]
  /** Folder for repository, tree and configuration. */
  readonly work: string
  readonly log: BuildLog
  /** For all commands together. */
  readonly timeoutMs: number
}

/** Address space of a git that lists refs: some millions of them, in KiB. */
const MAX_LIST_KIB = 512 * 1024

export class GitFetch {
  readonly #options: GitFetchOptions
  readonly #location: SourceLocation
  readonly #repository: string
  readonly #signal: AbortSignal
  readonly #deadline: number

  constructor(options: GitFetchOptions, signal: AbortSignal) {
    this.#options = options
    this.#location = options.location
    this.#repository = join(options.work, 'repository')
    this.#signal = signal
    this.#deadline = performance.now() + options.timeoutMs
  }

  /** What git is given as the remote. */
  get url(): string {
    return this.#location.url
  }

  /** Makes an empty repository for commits of the kind of `commit` (SHA-1 or SHA-256). */
  async prepare(commit: string): Promise<void> {
    const { work, addresses } = this.#options
    await writeFile(join(work, 'gitconfig'), gitConfig(this.#location, addresses))
    const format = commit.length === 64 ? 'sha256' : 'sha1'
    await this.must([
      'init',
      '--quiet',
      '--bare',
      '--template=',
      `--object-format=${format}`,
      '--',
      this.#repository,
    ])
  }

  async fetchCommit(commit: string, ref: string | undefined): Promise<void> {
    const attempts = [['--depth=1', commit]]
    if (ref !== undefined && isSafeRef(ref)) attempts.push([`+${ref}:refs/fetched/ref`])
    attempts.push(['+refs/heads/*:refs/fetched/heads/*', '+refs/tags/*:refs/fetched/tags/*'])
    let failure: CommandResult | undefined
    for (const [first = '', ...more] of attempts) {
      const options = first.startsWith('--') ? [first] : []
      const refs = first.startsWith('--') ? more : [first, ...more]
      const result = await this.run(this.fetchCommand(options, refs))
      if (await this.#hasCommit(commit)) return
      if (!succeeded(result)) failure = result
      else failure = undefined
    }
    if (failure !== undefined) {
      throw new BuildError(
        'source-fetch-failed',
        `cannot fetch ${this.#location.url}: ${lastLine(failure.tail)}`,
      )
    }
    throw new BuildError(
      'source-commit-missing',
      `commit ${commit} does not exist in ${this.#location.url}: check the release's commit and that it was pushed`,
    )
  }

  /** What `run` and `must` take to fetch these refs of the remote, and nothing that hangs on them. */
  fetchCommand(options: readonly string[], refs: readonly string[]): readonly string[] {
    return [
      'fetch',
      '--quiet',
      '--no-tags',
      '--no-recurse-submodules',
      '--no-write-fetch-head',
      ...options,
      '--end-of-options',
      this.url,
      ...refs,
    ]
  }

  /** The commit that a remote ref stands for; of an annotated tag, the one that it points to. */
  async remoteCommit(ref: string): Promise<string> {
    if (ref !== 'HEAD' && !isSafeRef(ref)) {
      throw new BuildError(
        'source-commit-missing',
        `"${ref}" is not a full ref such as refs/tags/v1.0.0 or refs/heads/main`,
      )
    }
    const list = await this.must([
      'ls-remote',
      '--quiet',
      '--',
      this.#location.url,
      ref,
      `${ref}^{}`,
    ])
    const ids = new Map(
      list.split('\n').flatMap((line) => {
        const [id, name] = line.split('\t')
        return id === undefined || name === undefined ? [] : [[name, id] as const]
      }),
    )
    const commit = ids.get(`${ref}^{}`) ?? ids.get(ref)
    if (commit !== undefined) return commit
    throw new BuildError(
      'source-commit-missing',
      `${this.#location.url} has no ${ref}: check its spelling and that it was pushed`,
    )
  }

  /** Checks the commit out into a new folder and returns it. */
  async checkOut(commit: string): Promise<string> {
    const tree = join(this.#options.work, 'tree')
    await mkdir(tree)
    await this.must([`--work-tree=${tree}`, 'checkout', '--quiet', '--force', '--detach', commit])
    const head = (await this.must(['rev-parse', '--verify', 'HEAD^{commit}'])).trim()
    if (head !== commit) {
      throw new BuildError(
        'source-commit-missing',
        `checked out ${head} in place of ${commit} of ${this.#location.url}`,
      )
    }
    return tree
  }

  /** The committer's time, seconds since 1970. */
  async commitTime(commit: string): Promise<number> {
    const text = await this.must(['log', '-1', '--no-show-signature', '--format=%ct', commit])
    return Number(text.trim())
  }

  /** True where the repository holds this id and it is a commit, not a tag of one. */
  async #hasCommit(commit: string): Promise<boolean> {
    const result = await this.run(
      ['rev-parse', '--verify', '--quiet', '--end-of-options', `${commit}^{commit}`],
      true,
    )
    return succeeded(result) && result.output.trim() === commit
  }

  /** Standard output of a git command that must succeed; at most so many bytes of it. */
  async must(args: readonly string[], maxBytes?: number): Promise<string> {
    const result = await this.run(args, true, maxBytes)
    if (result.keptTruncated) {
      throw new BuildError(
        'source-too-large',
        `${this.#location.url} answers with more than ${maxBytes ?? 0} bytes`,
      )
    }
    if (!succeeded(result)) {
      const why = result.startError?.message ?? lastLine(result.tail)
      throw new BuildError(
        'source-fetch-failed',
        `git ${args.find((arg) => !arg.startsWith('-')) ?? ''} failed for ${this.#location.url}: ${why}`,
      )
    }
    return result.output
  }

  /** One git command on the repository; how it ended is a value. */
  async run(
    args: readonly string[],
    keepOutput = false,
    maxKeptBytes?: number,
  ): Promise<CommandResult> {
    const features = await probeSandbox()
    const command = ['git', '--git-dir', this.#repository, ...args]
    const isList = args[0] === 'ls-remote'
    const result = await runCommand(isList ? withinMemory(command) : command, {
      cwd: this.#options.work,
      env: {
        PATH: SYSTEM_PATH,
        HOME: this.#options.work,
        LC_ALL: 'C',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_CONFIG_GLOBAL: join(this.#options.work, 'gitconfig'),
        GIT_ATTR_NOSYSTEM: '1',
        GIT_TERMINAL_PROMPT: '0',
        GIT_ALLOW_PROTOCOL: this.#location.protocol,
        GIT_ASKPASS: '/bin/false',
        GIT_LFS_SKIP_SMUDGE: '1',
      },
      timeoutMs: Math.max(1, this.#deadline - performance.now()),
      signal: this.#signal,
      log: this.#options.log,
      keepOutput,
      ...(maxKeptBytes === undefined ? {} : { maxKeptBytes }),
      ...(features.has('processes')
        ? { sandbox: { writable: [], readable: [], network: true } }
        : {}),
    })
    if (result.timedOut) {
      throw new BuildError(
        'source-timeout',
        `fetching ${this.#location.url} took longer than ${Math.round(this.#options.timeoutMs / 1000)} s`,
      )
    }
    if (result.cancelled) {
      throw new BuildError('source-cancelled', `fetching ${this.#location.url} was cancelled`)
    }
    return result
  }
}

/**
 * Git holds a list of refs whole before it prints any of it, and a server may send one without an
 * end. Systems that know no such limit run it all the same.
 */
function withinMemory(command: readonly string[]): readonly string[] {
  return ['sh', '-c', `ulimit -v ${MAX_LIST_KIB} 2>/dev/null; exec "$@"`, 'sh', ...command]
}

/** The whole configuration that git hears. */
function gitConfig(location: SourceLocation, addresses: readonly string[]): string {
  const pin = `${location.host}:${location.port}:${addresses.join(',')}`
  return `[core]
	hooksPath = /dev/null
	fsmonitor = false
	attributesFile = /dev/null
	excludesFile = /dev/null
	autocrlf = false
	eol = lf
	fileMode = true
	symlinks = true
	protectHFS = true
	protectNTFS = true
[protocol]
	allow = never
[protocol "${location.protocol}"]
	allow = always
[http]
	followRedirects = false
	lowSpeedLimit = 100
	lowSpeedTime = 60
${addresses.length === 0 ? '' : `	curloptResolve = ${pin}\n`}[credential]
	helper =
[fetch]
	recurseSubmodules = false
[submodule]
	recurse = false
[gc]
	auto = 0
[maintenance]
	auto = false
[advice]
	detachedHead = false
[safe]
	directory = *
`
}

/** A full ref that git cannot take for an option or a pattern (git-check-ref-format). */
export function isSafeRef(ref: string): boolean {
  return (
    /^refs\/[A-Za-z0-9._/+@-]+$/.test(ref) && !/\.\.|\/\/|\/\.|@\{|\.lock(?:\/|$)|[./]$/.test(ref)
  )
}

function lastLine(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  const fatal = lines.findLast((line) => /^(?:fatal|error|remote|ERR)\b/.test(line))
  return (fatal ?? lines.at(-1) ?? 'no reason given').trim().slice(0, 300)
}
