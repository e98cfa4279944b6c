import type { Command } from 'commander'
import { encodeCardFile } from '../card-file.ts'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples } from '../option.ts'
import { cardExpiryNote } from '../terminal/card-expiry.ts'
import { writeNamedFile } from '../write-file.ts'

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Writes the own operator card, so that others can "rebuildnet trust add FILE". It holds no secret.',
    )
    .argument('[file]', 'where to; standard output where absent')
  addExamples(command, ['card ada.card', 'card > ada.card'])
  bind(command, async ({ context, args: [file] }) => {
    const { card, expires } = await context.withNode(async ({ client }) => ({
      card: await client.ownCard(),
      expires: (await client.status()).cardExpires,
    }))
    const note = cardExpiryNote(expires, Math.floor(Date.now() / 1000))
    if (note !== undefined) context.out.note(note)
    const text = encodeCardFile(card)
    if (file === undefined) {
      if (context.json) context.out.value(JSON.parse(text))
      else context.io.stdout.write(text)
      return EXIT.yes
    }
    await writeNamedFile(file, text)
    if (context.json) context.out.value({ operator: card.operator, file })
    else context.out.line(`the card of ${card.operator} is in ${file}`)
    return EXIT.yes
  })
}
