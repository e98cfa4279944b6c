import type { Command } from 'commander'
import type { Bind } from '../command-table.ts'
import { CliError } from '../cli-error.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples } from '../option.ts'
import { showGate, showQueue } from '../terminal/queue-table.ts'

const PRIORITIES = ['high', 'normal', 'low'] as const

export function define(command: Command, bind: Bind): void {
  command.description('Rebuilds of this node that wait, run, are retried or are done.')
  addExamples(command, [
    'queue ls',
    'queue retry 3fa9c2d1',
    'queue cancel 3fa9c2d1',
    'queue priority 3fa9c2d1 high',
    'queue pause --stop',
    'queue resume',
  ])

  const ls = command.command('ls').summary('list them').description('Lists the queue.')
  bind(ls, async ({ context }) => {
    const [items, status] = await context.withNode(({ client }) =>
      Promise.all([client.queue(), client.status()]),
    )
    if (context.json) context.out.value(items)
    else {
      showGate(status.queue.gate, context.out)
      showQueue(items, context.out)
    }
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

  const priority = command
    .command('priority')
    .summary('have one take its turn before or after others')
    .description(
      'Has a rebuild take its turn before or after others: high, normal or low; "project" gives it back the priority of its project ("follow --priority").',
    )
    .argument('<id>', 'id as "queue ls" shows it, or the start of it')
    .argument('<priority>', 'high, normal, low or project')
  addExamples(priority, ['queue priority 3fa9c2d1 high', 'queue priority 3fa9c2d1 project'])
  bind(priority, async ({ context, args: [id = '', wanted = ''] }) => {
    const named = PRIORITIES.find((each) => each === wanted) ?? null
    if (named === null && wanted !== 'project') {
      throw new CliError('usage', `"${wanted}" is no priority: write high, normal, low or project`)
    }
    const item = await context.withNode(({ client }) => client.prioritizeQueueItem(id, named))
    if (context.json) context.out.value(item)
    else showQueue([item], context.out)
    return EXIT.yes
  })

  const pause = command
    .command('pause')
    .summary('let no rebuild begin')
    .description(
      'Lets no rebuild begin until "queue resume", also after a restart. What runs is finished.',
    )
    .option('--stop', 'put back what runs; what was built of it stays on the disk')
  addExamples(pause, ['queue pause', 'queue pause --stop'])
  bind<{ readonly stop?: boolean }>(pause, async ({ context, options }) => {
    const gate = await context.withNode(({ client }) =>
      client.pauseQueue(options.stop === true ? { stop: true } : {}),
    )
    if (context.json) context.out.value(gate)
    else showGate(gate, context.out)
    return EXIT.yes
  })

  const resume = command
    .command('resume')
    .summary('let rebuilds begin again')
    .description(
      'Lets rebuilds begin again after "queue pause". A node that stopped voting, because its builds differ where those of others agree, goes on with --voting only: look at its memory, disk and heat first. What it had built before is built anew.',
    )
    .option('--voting', 'vote again: the machine has been looked at')
  addExamples(resume, ['queue resume', 'queue resume --voting'])
  bind<{ readonly voting?: boolean }>(resume, async ({ context, options }) => {
    const gate = await context.withNode(({ client }) =>
      client.resumeQueue(options.voting === true ? { voting: true } : {}),
    )
    if (context.json) context.out.value(gate)
    else showGate(gate, context.out)
    return EXIT.yes
  })
}
