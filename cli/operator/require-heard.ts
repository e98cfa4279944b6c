/**
 * Two cards of one version make an operator support nothing, and that cannot be taken back. So no
 * card is made where somebody may have one already that is newer than the one here: where a backup
 * was restored and no peer has been heard since, or where a newer one is known.
 */
import { CliError } from '../cli-error.ts'
import type { Context } from '../context.ts'
import type { OwnOperator } from './own-operator.ts'

export async function requireHeard(
  context: Context,
  { identity }: OwnOperator,
  { anyway }: { readonly anyway?: boolean },
): Promise<void> {
  if (anyway === true) return
  const { own, known, running } = await context.withNode(async (session) => ({
    own: (await session.client.status()).logs.own,
    known: (await session.client.operators()).find(({ self }) => self)?.version ?? 0,
    running: session.running,
  }))
  const { version } = identity.card.body
  if (known > version) {
    throw new CliError(
      'not-available',
      `card ${known} of this operator is known, and card ${version} is in force here: another would be its rival, and then neither supports anything where no policy pins one; --anyway makes it all the same`,
    )
  }
  // What a node that stands still has signed is as it left it; one that runs asks others first.
  const stands = own.whole && !own.copied && !(running && own.head !== null)
  if (own.signing || stands) return
  throw new CliError(
    'not-available',
    `a backup may have been restored or copied here, and no peer has said yet what it knows: a newer card may be out, and of two rivals neither supports anything; ${running ? 'wait' : 'start the node'} until "rebuildnet status" says that its log is signed, or add --anyway`,
  )
}
