import type { Command } from 'commander'
import type { Finding } from '../../../node/rebuild/lint/finding.ts'
import type { Bind } from '../../command-table.ts'
import { CliError } from '../../cli-error.ts'
import { EXIT } from '../../exit-code.ts'
import { addExamples } from '../../option.ts'
import { MAX_PROJECT_FILE_BYTES, readNamedFile } from '../../read-file.ts'
import type { Output } from '../../terminal/output.ts'
import { faint, good, strong, warn } from '../../terminal/style.ts'
import { countWords } from '../../terminal/words.ts'

interface Options {
  readonly source?: string
  readonly ref?: string
}

export function defineLint(command: Command, bind: Bind): void {
  const lint = command
    .command('lint')
    .summary('what of its inputs is not pinned')
    .description(
      'Reads a project file and the Dockerfile that it names, and warns of every input that is not pinned and of what is known to come out otherwise at each build. Runs nothing of the source. Exit 0: nothing found; 1: warnings; 2: the file, the source or the Dockerfile cannot be read.',
    )
    .argument('<file>', 'project file (TOML)')
    .option('--source <folder>', 'the source is in this folder; nothing is fetched')
    .option('--ref <ref>', "commit or ref to fetch; the repository's HEAD where absent")
  addExamples(lint, [
    'project lint app.toml',
    'project lint app.toml --source . --json',
    'project lint app.toml --ref refs/tags/v1.2.0',
  ])
  bind<Options>(lint, async ({ context, options, args: [file = ''] }) => {
    const { source, ref } = options
    if (source !== undefined && ref !== undefined) {
      throw new CliError('usage', 'a folder is read as it is: leave out --ref or --source')
    }
    const text = (await readNamedFile(file, MAX_PROJECT_FILE_BYTES)).toString('utf8')
    const [{ lintProjectFile }, { BuildError }] = await Promise.all([
      import('../../../node/lint-project-file.ts'),
      import('../../../node/rebuild/build-error.ts'),
    ])
    const { out } = context
    if (source === undefined) out.progress(`reading the source of ${file}`)
    const request = {
      text,
      file,
      ...(source === undefined ? {} : { source }),
      ...(ref === undefined ? {} : { ref }),
    }
    const { project, commit, findings } = await context
      .untilStopped((signal) => lintProjectFile(request, signal))
      .catch((error: unknown) => {
        if (!(error instanceof BuildError) || error.code !== 'source-fetch-failed') throw error
        const message = `${error.message}; --source FOLDER reads what you have of it in its place`
        throw new BuildError(error.code, message, { cause: error })
      })
      .finally(() => out.progress(''))
    if (out.json) out.value({ file, image: project.image, commit: commit ?? null, findings })
    else show(findings, out)
    return findings.length === 0 ? EXIT.yes : EXIT.no
  })
}

function show(findings: readonly Finding[], out: Output): void {
  for (const { file, line, code, message, advice } of findings) {
    out.line(strong(line === null ? file : `${file}:${line}`), ': ', warn(code), `: ${message}`)
    out.line(faint(`    ${advice}`))
  }
  if (findings.length === 0) out.line(good('every input that can be read is pinned'))
  else out.line(countWords(findings.length, 'warning'))
}
