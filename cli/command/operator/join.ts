import type { Command } from 'commander'
import { draftAfter, prove } from '../../../node/card-draft.ts'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { joinDataFolder } from '../../../node/operator-identity.ts'
import { parseBase64 } from '../../../protocol/bytes.ts'
import { openStatement } from '../../../protocol/open-statement.ts'
import type { OperatorCard } from '../../../protocol/operator-card.ts'
import type { SignedStatement } from '../../../protocol/statement.ts'
import { MAX_CARD_FILE_BYTES, parseCardFile } from '../../card-file.ts'
import { CliError } from '../../cli-error.ts'
import type { Bind } from '../../command-table.ts'
import { EXIT } from '../../exit-code.ts'
import { DEFAULT_DRAFT, writeDraft } from '../../operator/propose-card.ts'
import { readNamedFile } from '../../read-file.ts'
import { strong } from '../../terminal/style.ts'

export function defineJoin(parent: Command, bind: Bind): void {
  const command = parent
    .command('join')
    .summary('make a node that is one more of an operator')
    .description(
      'On a second machine: makes a data folder with a signing key, and a draft of the next card that lists it. The operator signs the draft, and this node takes the card. Both nodes have one vote together.',
    )
    .argument('<card>', 'the operator\'s present card, as "rebuildnet card FILE" writes it')
    .option('--draft <file>', 'where to write the draft', DEFAULT_DRAFT)
  bind<{ readonly draft: string }>(command, async ({ context, options, args: [file = ''] }) => {
    const { card } = parseCardFile(await readNamedFile(file, MAX_CARD_FILE_BYTES), file)
    const bytes = parseBase64(card)
    if (bytes === undefined) throw new CliError('file', `${file} is no operator card`)
    const statement = openStatement(bytes, nodeCrypto)
    if (!isCard(statement)) throw new CliError('file', `${file} is no operator card`)
    const { folder, key } = await joinDataFolder(context.dataFolder)
    const now = Math.floor(Date.now() / 1000)
    const { body } = statement
    const keys = [...body.keys, key.publicKey]
    const draft = await prove(draftAfter(statement, { keys }, now, nodeCrypto), {
      keys: [key],
      roots: [],
    })
    await writeDraft(options.draft, draft)
    const { out } = context
    if (out.json) {
      out.value({
        dataFolder: folder.root,
        operator: body.operator,
        key: key.publicKey,
        draft: options.draft,
      })
      return EXIT.yes
    }
    out.facts([
      ['data folder', folder.root],
      ['operator', strong(`${body.name} (${body.operator})`)],
      ['signing key', `${folder.signingKey}: back it up`],
      ['draft', `${options.draft}: holds no secret`],
      [
        'next',
        [
          `at ${body.name}: rebuildnet operator sign ${options.draft}, rebuildnet card FILE`,
          'here: rebuildnet operator import FILE',
        ],
      ],
    ])
    return EXIT.yes
  })
}

function isCard(statement: SignedStatement): statement is SignedStatement<OperatorCard> {
  return statement.body.kind === 'operator'
}
