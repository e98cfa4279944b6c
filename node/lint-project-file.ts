/**
 * A project file linted with its source: a folder that is there, or one commit fetched for it.
 *
 * Nothing of the source is run. What it reads of the source stays below its folder.
 */
import { readFileSync, realpathSync, statSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join, sep } from 'node:path'
import type { Project } from '../protocol/project.ts'
import { readProjectText } from './project-files.ts'
import { BuildLog } from './rebuild/build-log.ts'
import type { Finding } from './rebuild/lint/finding.ts'
import { lintProject } from './rebuild/lint/lint-project.ts'
import { resolveRemoteRef } from './rebuild/remote-ref.ts'
import { fetchSource } from './rebuild/source.ts'
import { resolveSourcePath } from './rebuild/source-tree.ts'
import { lineOf } from './toml-place.ts'

export interface LintRequest {
  readonly text: string
  /** What the user calls the file. */
  readonly file: string
  /** A folder with the source; where absent, `ref` of the project's repository is fetched. */
  readonly source?: string
  /** Commit id or ref; the repository's HEAD where absent. */
  readonly ref?: string
}

export interface LintResult {
  readonly project: Project
  /** The commit that was read; undefined for a folder. */
  readonly commit: string | undefined
  readonly findings: readonly Finding[]
}

const SOURCE_LOG_BYTES = 1024 * 1024
const MAX_READ_BYTES = 1024 * 1024

/** Throws ConfigError or ProjectError for the file, BuildError for the source and the Dockerfile. */
export async function lintProjectFile(
  request: LintRequest,
  signal: AbortSignal,
): Promise<LintResult> {
  const project = readProjectText(request.text, request.file, { template: true })
  if (request.source !== undefined) {
    const findings = await lintWith(request, project, request.source)
    return { project, commit: undefined, findings }
  }
  const folder = await mkdtemp(join(tmpdir(), 'rebuildnet-lint-'))
  const log = new BuildLog(join(folder, 'source.log'), SOURCE_LOG_BYTES)
  try {
    const commit = await commitOf(request, project, folder, signal)
    const { source: repository, insecure } = project
    const ref = request.ref ?? 'HEAD'
    const directory = join(folder, 'source')
    await fetchSource({ repository, commit, ref, directory, insecure, log }, signal)
    return { project, commit, findings: await lintWith(request, project, directory) }
  } finally {
    log.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function commitOf(
  { ref = 'HEAD' }: LintRequest,
  { source: repository, insecure }: Project,
  folder: string,
  signal: AbortSignal,
): Promise<string> {
  if (/^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(ref)) return ref
  return resolveRemoteRef({ repository, ref, insecure, folder }, signal)
}

async function lintWith(
  { text, file }: LintRequest,
  project: Project,
  directory: string,
): Promise<readonly Finding[]> {
  const path = await resolveSourcePath(directory, project.recipe.dockerfile, 'dockerfile')
  const context = await resolveSourcePath(directory, project.recipe.context, 'context')
  const dockerfile = await readFile(path, 'utf8')
  return lintProject({
    project,
    file,
    lineOf: (key) => lineOf(text, key),
    dockerfile,
    readSource: (name) => readBelow(context, name),
  })
}

/**
 * A file that a step may see: by its path in the context, or, once it has been copied elsewhere, by
 * its last name. Links lead nowhere outside, and what is no plain file has no text.
 */
function readBelow(context: string, name: string): string | undefined {
  const path = name.replace(/^(?:\.?\/)+/, '')
  for (const candidate of new Set([path, basename(path)])) {
    try {
      const real = realpathSync(join(context, candidate))
      const stats = statSync(real)
      if (!real.startsWith(`${context}${sep}`) || !stats.isFile()) continue
      if (stats.size <= MAX_READ_BYTES) return readFileSync(real, 'utf8')
    } catch {
      // Not there: the next one may be.
    }
  }
  return undefined
}
