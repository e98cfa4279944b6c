import type { Command } from 'commander'
import { draftAfter } from '../../../node/card-draft.ts'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { CliError } from '../../cli-error.ts'
import type { Bind } from '../../command-table.ts'
import { sizeArgument } from '../../operator/log-size.ts'
import { openOwnOperator } from '../../operator/own-operator.ts'
import { addAnywayOption, addProposalOptions } from '../../operator/proposal-options.ts'
import { proposeCard, type ProposalOptions } from '../../operator/propose-card.ts'
import { requireHeard } from '../../operator/require-heard.ts'

interface Options extends ProposalOptions {
  readonly anyway?: boolean
  readonly size?: string
}

export function defineRevoke(parent: Command, bind: Bind): void {
  const command = parent
    .command('revoke')
    .summary('end the log of a key')
    .description(
      'Makes a card that no longer lists a signing key of another node, and says where its log ends: entries beyond count for nothing, for ever. For the key of this node: "operator rotate --size N". A revocation cannot be taken back.',
    )
    .argument('<key>', 'the signing key, or the first 8 digits or more of it: "operator show"')
    .option(
      '--size <entries>',
      'how many entries of its log still count; all that are known where absent',
    )
  addProposalOptions(command)
  addAnywayOption(command)
  bind<Options>(command, async ({ context, options, args: [given = ''] }) => {
    const own = await openOwnOperator(context)
    await requireHeard(context, own, options)
    const before = own.identity.card.body
    const key = resolveKey(given, before.keys)
    if (key === own.identity.key.publicKey) {
      throw new CliError(
        'usage',
        'this is the key of this node: "rebuildnet operator rotate --size N" puts a new one in its place',
      )
    }
    const size = options.size === undefined ? undefined : sizeArgument(options.size)
    const end = await context.withNode(({ client }) => client.logEnd(key, size))
    const known = before.revocations?.find(({ origin }) => origin === end.origin)
    if (known !== undefined && known.size <= end.size && !before.keys.includes(key)) {
      throw new CliError(
        'usage',
        `this key is revoked already: its log ends after ${known.size} entries; a smaller --size ends it sooner`,
      )
    }
    const keys = before.keys.filter((each) => each !== key)
    const now = Math.floor(Date.now() / 1000)
    const draft = draftAfter(own.identity.card, { keys, revocations: [end] }, now, nodeCrypto)
    return proposeCard(context, options, {
      own,
      before,
      draft,
      question: 'Revoke it? This cannot be taken back.',
    })
  })
}

/** A whole key may be one that an earlier card listed. */
function resolveKey(given: string, keys: readonly string[]): string {
  if (/^[0-9a-f]{64}$/.test(given)) return given
  const found = /^[0-9a-f]{8,}$/.test(given) ? keys.filter((key) => key.startsWith(given)) : []
  const [only, ...others] = found
  if (only !== undefined && others.length === 0) return only
  throw new CliError('usage', `"${given}" is no signing key of this operator: see "operator show"`)
}
