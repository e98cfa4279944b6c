/** A project of a few lines: a git repository with one commit for each Dockerfile. */
import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const IDENTITY = { NAME: 'test', EMAIL: 'test@example.org' }

/** Makes the repository; returns the commit of each Dockerfile's steps, under the same name. */
export async function createSmallProject<Name extends string>(
  folder: string,
  base: string,
  steps: Readonly<Record<Name, readonly string[]>>,
): Promise<Readonly<Record<Name, string>>> {
  const git = async (...args: string[]): Promise<string> => {
    const env: NodeJS.ProcessEnv = {
      PATH: process.env.PATH,
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_CONFIG_NOSYSTEM: '1',
    }
    for (const [key, value] of Object.entries(IDENTITY)) {
      env[`GIT_AUTHOR_${key}`] = value
      env[`GIT_COMMITTER_${key}`] = value
    }
    return (await run('git', ['-C', folder, ...args], { env })).stdout.trim()
  }
  await mkdir(folder, { recursive: true })
  await git('init', '--quiet', '--initial-branch=main')
  const commits: Record<string, string> = {}
  for (const [name, lines] of Object.entries<readonly string[]>(steps)) {
    await writeFile(join(folder, 'Dockerfile'), [`FROM ${base}`, ...lines, ''].join('\n'))
    await git('add', '--all')
    await git('commit', '--quiet', '--message', name)
    commits[name] = await git('rev-parse', 'HEAD')
  }
  return commits as Record<Name, string>
}
