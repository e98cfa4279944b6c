import type { Command } from 'commander'
import type { Bind } from '../../command-table.ts'
import { collect, parsePairs } from '../../option.ts'
import { openOwnOperator } from '../../operator/own-operator.ts'
import { addAnywayOption, addProposalOptions } from '../../operator/proposal-options.ts'
import { proposeCard, type ProposalOptions } from '../../operator/propose-card.ts'
import { requireHeard } from '../../operator/require-heard.ts'
import { requireContact, requireName } from '../../operator/require-name.ts'

interface Options extends ProposalOptions {
  readonly anyway?: boolean
  readonly name?: string
  readonly contact?: string
  readonly claim?: readonly string[]
}

export function defineRenew(parent: Command, bind: Bind): void {
  const command = parent
    .command('renew')
    .summary('a card that is good for 180 days more')
    .description(
      'Makes the next card, good for 180 days, with the same keys; name, contact and claims may change. Needs the root key.',
    )
    .option('--name <name>', 'another name')
    .option('--contact <contact>', 'another contact')
    .option(
      '--claim <name=value>',
      'these claims in the place of the old; may be repeated',
      collect,
    )
  addProposalOptions(command)
  addAnywayOption(command)
  bind<Options>(command, async ({ context, options }) => {
    const { name, contact, claim } = options
    if (name !== undefined) requireName(name)
    if (contact !== undefined) requireContact(contact)
    const { draftAfter } = await import('../../../node/card-draft.ts')
    const { nodeCrypto } = await import('../../../node/crypto/node-crypto.ts')
    const own = await openOwnOperator(context)
    await requireHeard(context, own, options)
    const before = own.identity.card.body
    const changes = {
      ...(name === undefined ? {} : { name }),
      ...(contact === undefined ? {} : { contact }),
      ...(claim === undefined ? {} : { claims: parsePairs(claim) }),
    }
    const draft = draftAfter(own.identity.card, changes, Math.floor(Date.now() / 1000), nodeCrypto)
    return proposeCard(context, options, { own, before, draft, question: 'Sign this card?' })
  })
}
