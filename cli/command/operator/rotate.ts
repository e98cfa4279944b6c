import { rm } from 'node:fs/promises'
import type { Command } from 'commander'
import { draftAfter } from '../../../node/card-draft.ts'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { createSigningKey } from '../../../node/crypto/signing-key.ts'
import { openRootSigner, type RootSigner } from '../../../node/root-signer.ts'
import type { Revocation } from '../../../protocol/revocation.ts'
import { ApiError } from '../../api/api-error.ts'
import { CliError } from '../../cli-error.ts'
import type { Bind } from '../../command-table.ts'
import type { Context } from '../../context.ts'
import { sizeArgument } from '../../operator/log-size.ts'
import { openOwnOperator, requireStopped, type OwnOperator } from '../../operator/own-operator.ts'
import { addAnywayOption, addProposalOptions } from '../../operator/proposal-options.ts'
import { proposeCard, type ProposalOptions } from '../../operator/propose-card.ts'
import { requireHeard } from '../../operator/require-heard.ts'

interface Options extends ProposalOptions {
  readonly anyway?: boolean
  readonly root?: boolean
  readonly sshRoot?: string
  readonly size?: string
}

export function defineRotate(parent: Command, bind: Bind): void {
  const command = parent
    .command('rotate')
    .summary('a new key in the place of the old')
    .description(
      'Makes a new signing key for this node, and a card that lists it and says where the log of the old one ends: what stands there goes on counting. With --root or --ssh-root it is the root key that is new. Needs the present root key, and for a new signing key a node that does not run. Old keys are kept in keys/retired.',
    )
    .option('--root', 'a new raw root key')
    .option('--ssh-root <file>', 'an SSH key as the new root key: private, or .pub with an agent')
    .option('--size <entries>', "only so many entries of the old log count: the rest is a thief's")
  addProposalOptions(command)
  addAnywayOption(command)
  bind<Options>(command, async ({ context, options }) => {
    if (options.root === true && options.sshRoot !== undefined) {
      throw new CliError('usage', 'give either --root or --ssh-root')
    }
    const own = await openOwnOperator(context)
    await requireHeard(context, own, options)
    if (options.root === true || options.sshRoot !== undefined) {
      return rotateRoot(context, options, own)
    }
    return rotateSigning(context, options, own)
  })
}

async function rotateRoot(context: Context, options: Options, own: OwnOperator): Promise<number> {
  if (options.size !== undefined) {
    throw new CliError('usage', '--size is about a signing key, not about the root key')
  }
  const { folder, identity } = own
  const before = identity.card.body
  const root = await newRoot(options, own)
  const now = Math.floor(Date.now() / 1000)
  const draft = draftAfter(own.identity.card, { rootKey: root.rootKey }, now, nodeCrypto)
  const question = 'Make this the root key?'
  const code = await proposeCard(context, options, { own, before, draft, roots: [root], question })
  if (context.json) return code
  if (root.file === folder.nextRootKey) {
    context.out.note(
      `root key: ${folder.rootKey}: signs cards only; back it up, and keep it elsewhere`,
    )
  }
  return code
}

async function newRoot({ sshRoot }: Options, { folder }: OwnOperator): Promise<RootSigner> {
  if (sshRoot === undefined) {
    // Of a try that was given up: no card that is in force names it.
    await rm(folder.nextRootKey, { force: true })
    await createSigningKey(folder.nextRootKey)
    return openRootSigner(folder.nextRootKey)
  }
  const root = await openRootSigner(sshRoot)
  if (root.rootKey.type !== 'ed25519') return root
  throw new CliError('file', `${sshRoot} is a raw key, not an SSH key`)
}

async function rotateSigning(
  context: Context,
  options: Options,
  own: OwnOperator,
): Promise<number> {
  const { folder, identity } = own
  const before = identity.card.body
  const old = identity.key.publicKey
  await requireStopped(context)
  const size = options.size === undefined ? undefined : sizeArgument(options.size)
  const end = await endOf(context, old, size)
  await rm(folder.nextSigningKey, { force: true })
  const key = await createSigningKey(folder.nextSigningKey)
  const keys = [...before.keys.filter((each) => each !== old), key.publicKey]
  const changes = { keys, ...(end === undefined ? {} : { revocations: [end] }) }
  const draft = draftAfter(own.identity.card, changes, Math.floor(Date.now() / 1000), nodeCrypto)
  const question = 'Sign with this key from now on?'
  return proposeCard(context, options, { own, before, draft, keys: [key], question })
}

/** Undefined where the key never signed a head: then nothing of it counts anyway. */
async function endOf(
  context: Context,
  key: string,
  size: number | undefined,
): Promise<Revocation | undefined> {
  try {
    return await context.withNode(({ client }) => client.logEnd(key, size))
  } catch (error) {
    if (error instanceof ApiError && error.code === 'not-found' && size === undefined) {
      return undefined
    }
    throw error
  }
}
