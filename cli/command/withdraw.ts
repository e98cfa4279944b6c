import type { Command } from 'commander'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples } from '../option.ts'
import { strong } from '../terminal/style.ts'

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Takes back a release or a result that this node published. Nothing is deleted, and a withdrawal cannot be withdrawn.',
    )
    .argument('<statement>', 'sid, a prefix of it (8 digits or more), or IMAGE@VERSION')
    .requiredOption('--reason <text>', 'why; published with it')
  addExamples(command, ['withdraw 3fa9c2d1 --reason "built on a machine with bad memory"'])
  bind<{ readonly reason: string }>(
    command,
    async ({ context, options, args: [reference = ''] }) => {
      const statement = await context.withNode(({ client }) =>
        client.withdraw(reference, options.reason),
      )
      if (context.json) context.out.value(statement)
      else context.out.line('withdrawn by ', strong(statement.sid))
      return EXIT.yes
    },
  )
}
