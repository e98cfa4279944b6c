import type { Command } from 'commander'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples, askOptions, verdictQuery, type AskOptions } from '../option.ts'
import { showExplanation } from '../terminal/verdict-report.ts'

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Who said what about an image, and how the verdict came about. Exits 0 once it is told: to decide, use "verify".',
    )
    .argument('<image>', 'HOST/PATH:TAG, HOST/PATH@sha256:… or both')
  askOptions(command)
  addExamples(command, [
    'explain ghcr.io/example/app:1.2.0',
    'explain ghcr.io/example/app:1 --json',
  ])
  bind<AskOptions>(command, async ({ context, options, args: [image = ''] }) => {
    const reply = await context.withNode(({ client }) =>
      client.verdict(verdictQuery(image, options)),
    )
    if (context.json) context.out.value(reply)
    else showExplanation(reply, context.out)
    return EXIT.yes
  })
}
