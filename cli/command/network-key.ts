import { resolve } from 'node:path'
import type { Command } from 'commander'
import { createNetworkKey } from '../../node/network/network-key.ts'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples } from '../option.ts'

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Makes the key of a private network. Give each of its nodes a copy, and name it there as network_key in config.toml: nodes without it cannot connect.',
    )
    .argument('<file>', 'where to; a file that is there is never overwritten')
  addExamples(command, ['network-key ~/team.key'])
  bind(command, async ({ context: { out }, args: [file = ''] }) => {
    const path = resolve(file)
    await createNetworkKey(path)
    if (out.json) out.value({ file: path })
    else
      out.line(
        `the key is in ${path}; network_key = ${JSON.stringify(path)} in config.toml uses it`,
      )
    return EXIT.yes
  })
}
