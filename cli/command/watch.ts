import type { Command } from 'commander'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples } from '../option.ts'
import { showWatch } from '../terminal/watch-report.ts'

export function define(command: Command, bind: Bind): void {
  command.description(
    'New tags of projects, which this node announces by itself: those followed with --announce, by the [watch] table of their project files. What was there before is not announced.',
  )
  addExamples(command, ['watch ls', 'watch poll ghcr.io/example/app'])

  const ls = command
    .command('ls')
    .summary('what became of their tags')
    .description('Lists the projects that are watched, and what became of their tags.')
  bind(ls, async ({ context }) => {
    const { out } = context
    const watches = await context.withNode(({ client }) => client.watches())
    if (out.json) out.value(watches)
    else if (watches.length === 0) {
      out.note('no project is announced by itself: rebuildnet follow FILE --announce')
    } else for (const each of watches) showWatch(each, out)
    return EXIT.yes
  })

  const poll = command
    .command('poll')
    .summary('look now')
    .description(
      'Looks at the tags of a project now, and announces what is new; tries again what was refused. Exit code 1 where a tag was refused or moved.',
    )
    .argument('<image>', 'image of the project, HOST/PATH')
  bind(poll, async ({ context, args: [image = ''] }) => {
    const { out } = context
    out.progress(`looking at the tags of ${image}`)
    const watch = await context
      .withNode(({ client }) => client.pollWatch(image))
      .finally(() => out.progress(''))
    if (out.json) out.value(watch)
    else showWatch(watch, out)
    const isBad = watch.tags.some(({ state }) => state === 'refused' || state === 'moved')
    return isBad ? EXIT.no : EXIT.yes
  })
}
