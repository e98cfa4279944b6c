import type { Command } from 'commander'
import type { Bind } from '../command-table.ts'
import { EXIT, exitCodeOf } from '../exit-code.ts'
import { addExamples, askOptions, verdictQuery, type AskOptions } from '../option.ts'
import { describeReply, showReply } from '../terminal/verdict-report.ts'

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Asks whether enough operators of your policy rebuilt this image. A tag is resolved to a digest, which is printed. Exits 0 for allow, 1 for deny, 3 for undecided.',
    )
    .argument('<image>', 'HOST/PATH:TAG, HOST/PATH@sha256:… or both')
  askOptions(command)
  addExamples(command, [
    'verify ghcr.io/example/app:1.2.0',
    'verify ghcr.io/example/app@sha256:4f2c… --platform all --json',
  ])
  bind<AskOptions>(command, async ({ context, options, args: [image = ''] }) => {
    const reply = await context.withNode(({ client }) =>
      client.verdict(verdictQuery(image, options)),
    )
    if (context.json) context.out.value(describeReply(reply))
    else showReply(reply, context.out)
    return reply.answers.length === 0 ? EXIT.undecided : exitCodeOf(reply.decision)
  })
}
