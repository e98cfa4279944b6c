/** Asks before it adds a project: following one means running its recipes and believing its announcers. */
import { Option, type Command } from 'commander'
import type { FollowPreview, Priority, ProjectSummary } from '../../node/http/node-service.ts'
import { rewording } from '../api/api-error.ts'
import { CliError } from '../cli-error.ts'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples } from '../option.ts'
import { MAX_PROJECT_FILE_BYTES, readNamedFile } from '../read-file.ts'
import type { Output } from '../terminal/output.ts'
import { bad, faint, strong, warn } from '../terminal/style.ts'
import { bytesWords } from '../terminal/words.ts'

interface Options {
  readonly yes?: boolean
  readonly build: boolean
  readonly trustRecipe?: boolean
  readonly priority?: Priority
  readonly announce?: boolean
}

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Follows the project of a project file. Shows source, announcers, builder, isolation, network and disk first, and asks.',
    )
    .argument('<file>', 'project file (TOML)')
    .option('--yes', 'do not ask')
    .option('--no-build', 'only ask and watch: never rebuild its releases here')
    .option('--trust-recipe', 'rebuild it although this machine cannot isolate the build')
    .addOption(
      new Option(
        '--priority <priority>',
        'of its rebuilds among those of other projects; as it was, or normal, where absent',
      ).choices(['high', 'normal', 'low']),
    )
    .option('--announce', 'have this node announce new tags, by the [watch] table of the file')
    .option('--no-announce', 'announce by hand only; as it was where neither is said')
  addExamples(command, [
    'follow dangerzone.toml',
    'follow app.toml --no-build --yes',
    'follow app.toml --announce              # as an announcer: see "rebuildnet watch"',
  ])
  bind<Options>(command, async ({ context, options, args: [file = ''] }) => {
    const { out } = context
    const projectFile = (await readNamedFile(file, MAX_PROJECT_FILE_BYTES)).toString('utf8')
    if (projectFile === '') throw new CliError('file', `${file} is empty: name a project file`)
    const request = {
      projectFile,
      build: options.build,
      trustRecipe: options.trustRecipe ?? false,
      ...(options.priority === undefined ? {} : { priority: options.priority }),
      ...(options.announce === undefined ? {} : { announce: options.announce }),
    }
    // The node is not held while somebody thinks: without a running one it is this process.
    const preview = await context.withNode(({ client }) =>
      client
        .previewFollow(request)
        .catch(rewording((message) => message.replace(/^project file\b/, file))),
    )
    if (options.yes !== true) {
      showPreview(preview, out)
      const agreed = await context.confirm(
        preview.replaces ? 'Follow it so from now on?' : 'Follow this project?',
        `following ${preview.image} was not agreed to: ask in a terminal, or add --yes`,
      )
      if (!agreed) {
        out.note('nothing was changed')
        if (out.json) out.value({ followed: false })
        return EXIT.no
      }
    } else for (const warning of preview.warnings) out.note(warn(`warning: ${warning}`))
    const project = await context.withNode(({ client }) => client.follow(request))
    report(project, out)
    return EXIT.yes
  })
}

function report(project: ProjectSummary, out: Output): void {
  if (out.json) out.value({ followed: true, ...project })
  else out.line('following ', strong(project.image), project.build ? '' : ', without rebuilding it')
}

/** On standard error: what is shown in order to ask is no answer. */
function showPreview(preview: FollowPreview, out: Output): void {
  const row = (label: string, text: string): void => out.note(faint(label.padEnd(11)), ' ', text)
  out.note(strong(preview.image), preview.replaces ? warn('  (followed already)') : '')
  row('source', preview.source)
  row('platforms', preview.platforms.join(', '))
  row('announcers', preview.announcers.join(', '))
  if (preview.build) {
    row('builder', preview.builders.join(', '))
    row('isolation', preview.isolation)
    row('network', preview.network)
    row('disk', `up to ${bytesWords(preview.diskBytes)} a build`)
    if (preview.trustRecipe) out.note(bad('Its recipe is trusted: it may run without isolation.'))
  } else row('builder', 'none: its releases are not rebuilt here')
  if (preview.announce) row('announces', 'new tags, by itself, as its [watch] table says')
  if (preview.insecure.length > 0) row('insecure', preview.insecure.join(', '))
  for (const warning of preview.warnings) out.note(warn(`warning: ${warning}`))
}
