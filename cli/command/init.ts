import type { Command } from 'commander'
import { describeRootKey } from '../../protocol/root-key.ts'
import type { Bind } from '../command-table.ts'
import { CliError } from '../cli-error.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples, collect, parsePairs } from '../option.ts'
import { requireContact, requireName } from '../operator/require-name.ts'
import { strong } from '../terminal/style.ts'

interface Options {
  readonly name?: string
  readonly contact: string
  readonly claim?: readonly string[]
  readonly sshRoot?: string
}

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Makes a data folder (0700): a root key that signs operator cards, a signing key (0600), the operator card, config.toml and policy.toml. A folder that has keys is never overwritten.',
    )
    .option('--name <name>', 'name on the operator card; asked for where it is missing')
    .option('--contact <contact>', 'how others reach you: e-mail or URL', '')
    .option('--claim <name=value>', 'what you say of where the node runs; may be repeated', collect)
    .option(
      '--ssh-root <file>',
      'an SSH key (ed25519 or ed25519-sk) as the root key: private, or .pub with an agent',
    )
  addExamples(command, [
    'init --name "Ada Lovelace" --ssh-root ~/.ssh/id_ed25519',
    'init --name "Ada Lovelace" --contact ada@example.org --claim country=DE',
    'init --data /var/lib/rebuildnet --name ada --json',
  ])
  bind<Options>(command, async ({ context, options }) => {
    const { out, dataFolder } = context
    const name =
      options.name ??
      (await context.ask(
        'What name should stand on your operator card?',
        'the operator card needs a name: add --name NAME',
      ))
    if (name === undefined) throw new CliError('usage', 'nothing was made: no name was given')
    requireName(name)
    requireContact(options.contact)
    const { initDataFolder } = await import('../../node/operator-identity.ts')
    const { nodeCrypto } = await import('../../node/crypto/node-crypto.ts')
    const { systemClock } = await import('../../node/clock.ts')
    const { folder, identity } = await initDataFolder(
      { crypto: nodeCrypto, clock: systemClock },
      {
        folder: dataFolder,
        name,
        contact: options.contact,
        claims: parsePairs(options.claim ?? []),
        ...(options.sshRoot === undefined ? {} : { sshRoot: options.sshRoot }),
      },
    )
    const card = identity.card.body
    if (out.json) {
      out.value({
        dataFolder: folder.root,
        operator: card.operator,
        name: card.name,
        key: identity.key.publicKey,
        expires: card.expires,
      })
      return EXIT.yes
    }
    out.facts([
      ['data folder', folder.root],
      ['operator', strong(card.operator)],
      ['name', card.name],
      [
        'root key',
        card.rootKey.type === 'ed25519'
          ? `${folder.rootKey}: signs cards only; back it up, and keep it elsewhere`
          : `${describeRootKey(card.rootKey, nodeCrypto)}: asked for when a card is made`,
      ],
      ['signing key', `${folder.signingKey}: back it up`],
      ['next', ['rebuildnet doctor', 'rebuildnet follow PROJECT.toml', 'rebuildnet start']],
    ])
    return EXIT.yes
  })
}
