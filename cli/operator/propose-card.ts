/**
 * The way of every new card: show what it changes, ask, prove it with the keys that are here, and
 * hand it to the node; or, where keys of other machines have to agree too, write the draft that
 * they sign.
 */
import {
  encodeDraft,
  finishDraft,
  missingProofs,
  prove,
  type CardDraft,
} from '../../node/card-draft.ts'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import type { RootSigner } from '../../node/root-signer.ts'
import { toBase64 } from '../../protocol/bytes.ts'
import type { OperatorCard } from '../../protocol/operator-card.ts'
import type { Signer } from '../../protocol/signer.ts'
import { CliError } from '../cli-error.ts'
import type { Context } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { strong } from '../terminal/style.ts'
import { countWords } from '../terminal/words.ts'
import { writeNamedFile } from '../write-file.ts'
import { cardChanges } from './card-changes.ts'
import { installCard } from './install-card.ts'
import { rootsFor, type OwnOperator } from './own-operator.ts'

export interface ProposalOptions {
  readonly yes?: boolean
  /** Where the root key is, if not in the data folder. */
  readonly rootKey?: string
  /** Where a draft goes that others must sign. */
  readonly draft: string
}

export const DEFAULT_DRAFT = 'operator.draft'

export interface Proposal {
  readonly own: OwnOperator
  /** The card that is replaced. */
  readonly before: OperatorCard
  readonly draft: CardDraft
  /** Keys of this machine, beside that of the data folder. */
  readonly keys?: readonly Signer[]
  readonly roots?: readonly RootSigner[]
  readonly question: string
}

/** Returns the exit code. */
export async function proposeCard(
  context: Context,
  { yes, rootKey, draft: draftFile }: ProposalOptions,
  { own, before, draft, keys = [], roots = [], question }: Proposal,
): Promise<number> {
  const { out } = context
  if (yes !== true) {
    out.note(strong(`${before.name} (${before.operator}), card ${draft.card.version}`))
    for (const change of cardChanges(before, draft.card)) out.note(`  ${change}`)
    const agreed = await context.confirm(
      question,
      'the card was not agreed to: ask in a terminal, or add --yes',
    )
    if (!agreed) {
      out.note('nothing was changed')
      if (out.json) out.value({ signed: false })
      return EXIT.no
    }
  }
  const signers = [...keys, own.identity.key]
  const proven = await prove(draft, {
    keys: signers,
    roots: await rootsFor(own, draft.card, rootKey, roots),
  })
  const missing = missingProofs(proven)
  const { operator, version, expires } = proven.card
  if (missing.length > 0) {
    await writeDraft(draftFile, proven)
    if (out.json) out.value({ operator, version, complete: false, draft: draftFile, missing })
    else {
      out.line(
        `the draft is in ${draftFile}; not signed yet: ${missing.map(proverWords).join(', ')}`,
      )
      out.line(`next, where these are: rebuildnet operator sign ${draftFile}`)
    }
    return EXIT.yes
  }
  const signer = signers.find(({ publicKey }) => proven.card.keys.includes(publicKey))
  if (signer === undefined) throw new CliError('usage', 'the card lists no key of this machine')
  const { bytes } = finishDraft(proven, signer, nodeCrypto)
  await installCard(context, own, { card: toBase64(bytes) })
  if (out.json) out.value({ operator, version, complete: true, expires, keys: proven.card.keys })
  else {
    out.line(`card ${version} of `, strong(proven.card.name), ' is in force')
    if (proven.card.keys.length > 1) {
      const others = countWords(proven.card.keys.length - 1, 'other node')
      out.line(
        `for the ${others}: rebuildnet card FILE here, rebuildnet operator import FILE there`,
      )
    }
  }
  return EXIT.yes
}

export async function writeDraft(file: string, draft: CardDraft): Promise<void> {
  await writeNamedFile(file, encodeDraft(draft))
}

function proverWords(prover: string): string {
  if (prover === 'root') return 'the root key'
  return prover === 'previous' ? 'the root key of the card before' : `signing key ${prover}`
}
