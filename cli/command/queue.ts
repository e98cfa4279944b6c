import type { Command } from 'commander'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples } from '../option.ts'
import { showQueue } from '../terminal/queue-table.ts'

export function define(command: Command, bind: Bind): void {
  command.description('Rebuilds of this node that wait, run, are retried or are done.')
  addExamples(command, ['queue ls', 'queue retry 3fa9c2d1', 'queue cancel 3fa9c2d1'])

  const ls = command.command('ls').summary('list them').description('Lists the queue.')
  bind(ls, async ({ context }) => {
    const items = await context.withNode(({ client }) => client.queue())
    if (context.json) context.out.value(items)
    else showQueue(items, context.out)
    return EXIT.yes
  })

  const retry = command
    .command('retry')
    .summary('try a failed or cancelled one again, now')
    .description('Tries a failed or cancelled rebuild again, now.')
    .argument('<id>', 'id as "queue ls" shows it, or the start of it')
  bind(retry, async ({ context, args: [id = ''] }) => {
    const item = await context.withNode(({ client }) => client.retryQueueItem(id))
    if (context.json) context.out.value(item)
    else showQueue([item], context.out)
    return EXIT.yes
  })

  const cancel = command
    .command('cancel')
    .summary('cancel one that waits or runs')
    .description('Cancels a rebuild that waits or runs. Nothing is published about it.')
    .argument('<id>', 'id, as "queue ls" shows it')
  bind(cancel, async ({ context, args: [id = ''] }) => {
    const item = await context.withNode(({ client }) => client.cancelQueueItem(id))
    if (context.json) context.out.value(item)
    else showQueue([item], context.out)
    return EXIT.yes
  })
}
