import type { Command } from 'commander'
import type { Bind } from '../command-table.ts'
import { EXIT, exitCodeOf } from '../exit-code.ts'
import { addExamples, platformOption } from '../option.ts'
import { describeReply, showReply } from '../terminal/verdict-report.ts'

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Asks whether enough operators of your policy rebuilt this image. A tag is resolved to a digest, which is printed. Exits 0 for allow, 1 for deny, 3 for undecided.',
    )
    .argument('<image>', 'HOST/PATH:TAG, HOST/PATH@sha256:… or both')
    .addOption(
      platformOption('platform of an index; the one of this machine where absent, or "all"'),
    )
  addExamples(command, [
    'verify ghcr.io/example/app:1.2.0',
    'verify ghcr.io/example/app@sha256:4f2c… --platform all --json',
  ])
  bind<{ readonly platform?: string }>(
    command,
    async ({ context, options, args: [image = ''] }) => {
      const { platform } = options
      const reply = await context.withNode(({ client }) =>
        client.verdict(platform === undefined ? { image } : { image, platform }),
      )
      if (context.json) context.out.value(describeReply(reply))
      else showReply(reply, context.out)
      return reply.answers.length === 0 ? EXIT.undecided : exitCodeOf(reply.decision)
    },
  )
}
