import type { Command } from 'commander'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples } from '../option.ts'

export function define(command: Command, bind: Bind): void {
  command
    .description('Stops following a project. What this node published about it stays published.')
    .argument('<image>', 'image of the project, HOST/PATH')
  addExamples(command, ['unfollow ghcr.io/example/app'])
  bind(command, async ({ context, args: [image = ''] }) => {
    await context.withNode(({ client }) => client.unfollow(image))
    if (context.json) context.out.value({ unfollowed: image })
    else context.out.line(`no longer following ${image}`)
    return EXIT.yes
  })
}
