import { resolve } from 'node:path'
import type { Command } from 'commander'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { needsPassphrase, restoreKeys } from '../../../node/key-backup.ts'
import type { Bind } from '../../command-table.ts'
import { EXIT } from '../../exit-code.ts'
import {
  askPassphrase,
  passphraseOption,
  readPassphrase,
  type PassphraseOptions,
} from '../../passphrase.ts'
import { cardExpiryNote } from '../../terminal/card-expiry.ts'
import { strong, warn } from '../../terminal/style.ts'

export function defineRestore(parent: Command, bind: Bind): void {
  const command = parent
    .command('restore')
    .summary('make a data folder from a backup')
    .description(
      'Makes a fresh data folder from a backup. A folder that has keys is never overwritten. The store is empty and fills itself from the network; the log of before is closed where others hold the end of it, and a new one is opened behind it. Stop the node that the backup is of, for good: two nodes must not sign with one key.',
    )
    .argument('<file>', 'the backup')
  passphraseOption(command)
  bind<PassphraseOptions>(command, async ({ context, options, args: [file = ''] }) => {
    const path = resolve(file)
    const passphrase = (await needsPassphrase(path))
      ? ((await readPassphrase(options)) ?? (await askPassphrase(context, path)))
      : undefined
    const restored = await restoreKeys(context.dataFolder, { file: path, passphrase }, nodeCrypto)
    const { card, folder, signingKey, hasRootKey } = restored
    const { out } = context
    const expiry = cardExpiryNote(card.expires, Math.floor(Date.now() / 1000))
    if (expiry !== undefined) out.note(expiry)
    if (out.json) {
      out.value({
        dataFolder: folder.root,
        operator: card.operator,
        key: signingKey.publicKey,
        card: card.version,
        rootKey: hasRootKey,
      })
      return EXIT.yes
    }
    out.note(
      warn('The log of this key is closed at the next start, and a new one opened behind it: '),
      'it counts once peers have said where the old one ended.',
    )
    out.facts([
      ['data folder', folder.root],
      ['operator', strong(card.operator)],
      ['name', card.name],
      ['signing key', signingKey.publicKey],
      ['root key', hasRootKey ? `${folder.rootKey}: keep it elsewhere` : 'not in the backup'],
      ['next', ['rebuildnet follow PROJECT.toml', 'rebuildnet trust add CARD', 'rebuildnet start']],
    ])
    return EXIT.yes
  })
}
