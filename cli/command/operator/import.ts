import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { writeFileAtomic } from '../../../node/atomic-file.ts'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { loadSigningKey } from '../../../node/crypto/signing-key.ts'
import { openDataFolder, type DataFolder } from '../../../node/data-folder.ts'
import { parseBase64 } from '../../../protocol/bytes.ts'
import { openStatement } from '../../../protocol/open-statement.ts'
import { MAX_CARD_FILE_BYTES, parseCardFile } from '../../card-file.ts'
import { CliError } from '../../cli-error.ts'
import type { Bind } from '../../command-table.ts'
import { EXIT } from '../../exit-code.ts'
import { installCard } from '../../operator/install-card.ts'
import { openOwnOperator } from '../../operator/own-operator.ts'
import { readNamedFile } from '../../read-file.ts'
import { strong } from '../../terminal/style.ts'

export function defineImport(parent: Command, bind: Bind): void {
  const command = parent
    .command('import')
    .summary('take a newer card of the own operator')
    .description(
      'Takes a card that another node of this operator made. It must list the signing key of this node, which has agreed to it.',
    )
    .argument('<card>', 'card file, as "rebuildnet card FILE" writes it')
  bind(command, async ({ context, args: [file = ''] }) => {
    const cards = parseCardFile(await readNamedFile(file, MAX_CARD_FILE_BYTES), file)
    const folder = await openDataFolder(context.dataFolder)
    if (!existsSync(folder.card)) await takeFirst(folder, cards.card, file)
    // A first one is in its place already, and the node still lacks those before it.
    const { operator, version, name, expires } = await installCard(
      context,
      await openOwnOperator(context),
      cards,
    )
    const { out } = context
    if (out.json) out.value({ operator, version, expires })
    else out.line(`card ${version} of `, strong(name), ' is in force')
    return EXIT.yes
  })
}

/** After "operator join" there is a key and no card, and so nothing that a node could open. */
async function takeFirst(folder: DataFolder, base64: string, file: string): Promise<void> {
  const bytes = parseBase64(base64)
  const statement = bytes === undefined ? undefined : openStatement(bytes, nodeCrypto)
  if (bytes === undefined || statement?.body.kind !== 'operator') {
    throw new CliError('file', `${file} is no operator card: "rebuildnet card FILE" writes one`)
  }
  const { publicKey } = await loadSigningKey(folder.signingKey)
  if (!statement.body.keys.includes(publicKey)) {
    throw new CliError(
      'file',
      `${file} does not list the key of this node, ${publicKey}: have its draft signed first`,
    )
  }
  await writeFileAtomic(folder.card, bytes)
}
