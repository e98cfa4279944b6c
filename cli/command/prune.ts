/** Lets go of what nothing needs any more; never of what a verdict over a followed project stands on. */
import type { Command } from 'commander'
import type { PruneReport } from '../../node/http/node-service.ts'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples, durationArgument } from '../option.ts'
import type { Output } from '../terminal/output.ts'
import { bytesWords, countWords } from '../terminal/words.ts'

interface Options {
  readonly dryRun?: boolean
  readonly olderThan?: number
}

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Lets go of statements about images that are not followed, of those of strangers after a week, of alerts that ended, rebuilds that are done, and old build logs. What a verdict over a followed project needs stays, as does everything that this node signed. The node does it by itself with prune.every in config.toml.',
    )
    .option('--dry-run', 'say what would go, and change nothing')
    .option(
      '--older-than <duration>',
      'what is younger stays (config: prune.older_than, 90d where absent)',
      durationArgument,
    )
  addExamples(command, ['prune --dry-run', 'prune --older-than 30d', 'prune --json'])
  bind<Options>(command, async ({ context, options }) => {
    const { dryRun, olderThan } = options
    const report = await context.withNode(({ client }) =>
      client.prune({
        ...(dryRun === undefined ? {} : { dryRun }),
        ...(olderThan === undefined ? {} : { olderThan }),
      }),
    )
    if (context.json) context.out.value(report)
    else show(report, context.out)
    return EXIT.yes
  })
}

function show(
  { dryRun, statements, alerts, queueItems, buildLogs }: PruneReport,
  out: Output,
): void {
  const { strangers, notFollowed, cards, kept } = statements
  out.line(dryRun ? 'would go:' : 'gone:')
  out.facts([
    [
      'statements',
      `${notFollowed} of images not followed, ${strangers} of strangers, ${cards} cards`,
    ],
    ['', `${kept} stay`],
    ['alerts', String(alerts)],
    ['rebuilds', String(queueItems)],
    ['build logs', `${countWords(buildLogs.files, 'file')}, ${bytesWords(buildLogs.bytes)}`],
  ])
}
