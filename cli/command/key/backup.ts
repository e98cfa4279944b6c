import { resolve } from 'node:path'
import type { Command } from 'commander'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { openDataFolder } from '../../../node/data-folder.ts'
import { backUpKeys, weakness } from '../../../node/key-backup.ts'
import { CliError } from '../../cli-error.ts'
import type { Bind } from '../../command-table.ts'
import { EXIT } from '../../exit-code.ts'
import {
  askNewPassphrase,
  passphraseOption,
  readPassphrase,
  type PassphraseOptions,
} from '../../passphrase.ts'
import { warn } from '../../terminal/style.ts'

interface Options extends PassphraseOptions {
  readonly passphrase: boolean
  readonly withRoot?: boolean
}

export function defineBackup(parent: Command, bind: Bind): void {
  const command = parent
    .command('backup')
    .summary('write signing key and card into one file')
    .description(
      'Writes the signing key and the operator card into one file (0600), under a passphrase of at least 12 characters. Reads it again before it says so. The node may run. Make a new one after each "operator rotate".',
    )
    .argument('<file>', 'where to; a file that is there is never overwritten')
    .option('--with-root', 'the root key as well: who opens the file can then make cards as you')
    .option('--no-passphrase', 'do not encrypt it: whoever reads the file has the key')
  passphraseOption(command)
  bind<Options>(command, async ({ context, options, args: [file = ''] }) => {
    const path = resolve(file)
    const folder = await openDataFolder(context.dataFolder)
    const passphrase = await choosePassphrase(options, () => askNewPassphrase(context, weakness))
    const withRoot = options.withRoot ?? false
    const { card, signingKey } = await backUpKeys(
      folder,
      { file: path, passphrase, withRoot },
      nodeCrypto,
    )
    const { out } = context
    if (passphrase === undefined) {
      out.note(warn(`warning: ${path} is not encrypted: whoever reads it has the key`))
    }
    if (out.json) {
      out.value({
        file: path,
        operator: card.operator,
        key: signingKey.publicKey,
        card: card.version,
        rootKey: withRoot,
        encrypted: passphrase !== undefined,
      })
    } else {
      const what = withRoot ? 'signing key, card and root key' : 'signing key and card'
      out.line(`${what} of ${card.operator} are in ${path}`)
    }
    return EXIT.yes
  })
}

/** Undefined only where somebody has said in so many words that there is to be none. */
async function choosePassphrase(
  options: Options,
  ask: () => Promise<string>,
): Promise<string | undefined> {
  const given = await readPassphrase(options)
  if (!options.passphrase) {
    if (given === undefined) return undefined
    throw new CliError('usage', 'give either --passphrase-file or --no-passphrase')
  }
  if (given === undefined) return ask()
  const why = weakness(given)
  if (why === undefined) return given
  throw new CliError(
    'usage',
    `the passphrase in ${options.passphraseFile ?? ''} ${why}: take a longer one, or say --no-passphrase`,
  )
}
