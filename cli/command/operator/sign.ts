import type { Command } from 'commander'
import { parseDraft } from '../../../node/card-draft.ts'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { CliError } from '../../cli-error.ts'
import type { Bind } from '../../command-table.ts'
import { nextSigningKey, openOwnOperator } from '../../operator/own-operator.ts'
import { addAnywayOption, addProposalOptions } from '../../operator/proposal-options.ts'
import { proposeCard, type ProposalOptions } from '../../operator/propose-card.ts'
import { requireHeard } from '../../operator/require-heard.ts'
import { readNamedFile } from '../../read-file.ts'

const MAX_DRAFT_BYTES = 64 * 1024

interface Options extends ProposalOptions {
  readonly anyway?: boolean
}

export function defineSign(parent: Command, bind: Bind): void {
  const command = parent
    .command('sign')
    .summary('agree to a draft of the next card')
    .description(
      'Shows what a draft changes, asks, and signs it with the signing key of this node and, where it is here, with the root key. When all have signed, the card is in force.',
    )
    .argument('<draft>', 'the file that "operator join", "renew", "rotate" or "revoke" wrote')
  addProposalOptions(command)
  addAnywayOption(command)
  bind<Options>(command, async ({ context, options, args: [file = ''] }) => {
    const text = (await readNamedFile(file, MAX_DRAFT_BYTES)).toString('utf8')
    const draft = parseDraft(text, file, nodeCrypto)
    const own = await openOwnOperator(context)
    const before = own.identity.card.body
    const { operator, version, previous } = draft.card
    if (operator !== before.operator) {
      throw new CliError(
        'file',
        `${file} is for ${operator}, and this node is of ${before.operator}`,
      )
    }
    if (version !== before.version + 1 || previous?.cardDigest !== before.cardDigest) {
      throw new CliError(
        'file',
        `${file} is for card ${version}, and card ${before.version} is in force here: make a new draft from "rebuildnet card FILE"`,
      )
    }
    // Whoever drew it up may know no more than this node does.
    await requireHeard(context, own, options)
    const next = await nextSigningKey(own.folder)
    return proposeCard(
      context,
      { ...options, draft: file },
      {
        own,
        before,
        draft,
        keys: next === undefined ? [] : [next],
        question: 'Sign this card?',
      },
    )
  })
}
