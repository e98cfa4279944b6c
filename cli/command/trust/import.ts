/** A signed list of operators: shows what it would change, and asks. Trust never grows by itself. */
import type { Command } from 'commander'
import type { TrustListPreview } from '../../../node/http/trust-summary.ts'
import { rewording } from '../../api/api-error.ts'
import { CliError } from '../../cli-error.ts'
import type { Bind } from '../../command-table.ts'
import { EXIT } from '../../exit-code.ts'
import { readNamedFile } from '../../read-file.ts'
import type { Output } from '../../terminal/output.ts'
import { bad, faint, good, strong, warn, type Span } from '../../terminal/style.ts'
import { countWords } from '../../terminal/words.ts'

const MAX_LIST_BYTES = 128 * 1024
const MAX_SIGNATURE_BYTES = 4096

interface Options {
  readonly signature?: string
  readonly signer?: string
  readonly yes?: boolean
}

const MARKS: Readonly<Record<TrustListPreview['changes'][number]['kind'], Span>> = {
  added: good('+ trust'),
  changed: warn('~ regroup'),
  removed: bad('- drop'),
}

export function defineTrustImport(parent: Command, bind: Bind): void {
  const command = parent
    .command('import')
    .summary('trust those on a signed list')
    .description(
      'Takes a list of operators with their groups (TOML) that somebody has signed with "ssh-keygen -Y sign -n rebuildnet-trust/1". Shows who it would add, change or drop, and asks. Whom you added or changed by hand is left alone. The next list of that name must be by the same signer.',
    )
    .argument('<list>', 'the list')
    .option('--signature <file>', 'its detached signature; <list>.sig where absent')
    .option('--signer <key>', 'who must have signed it: SHA256:… or a line "ssh-ed25519 AAAA…"')
    .option('--yes', 'do not ask; a first list needs --signer then')
  bind<Options>(command, async ({ context, options, args: [file = ''] }) => {
    const { out } = context
    const signatureFile = options.signature ?? `${file}.sig`
    const request = {
      list: (await readNamedFile(file, MAX_LIST_BYTES)).toString('utf8'),
      signature: (await readNamedFile(signatureFile, MAX_SIGNATURE_BYTES)).toString('utf8'),
      ...(options.signer === undefined ? {} : { signer: options.signer }),
    }
    const inFile = rewording((message) =>
      message.replace(/^the list\b/, file).replace(/^the signature\b/, signatureFile),
    )
    const preview = await context.withNode(({ client }) =>
      client.previewTrustList(request).catch(inFile),
    )
    const { changes, signer, known } = preview
    if (options.yes === true && !known) {
      throw new CliError(
        'usage',
        `"${preview.name}" is signed by ${signer}, whom this node does not know: if that is who you mean, add --signer ${signer}`,
      )
    }
    if (options.yes !== true && (changes.length > 0 || !known)) {
      show(preview, out)
      const agreed = await context.confirm(
        known ? 'Change this?' : 'Is this the signer you mean, and shall this be changed?',
        `the list "${preview.name}" was not agreed to: ask in a terminal, or add --yes${known ? '' : ` --signer ${signer}`}`,
      )
      if (!agreed) {
        out.note('nothing was changed')
        if (out.json) out.value({ imported: false, ...preview })
        return EXIT.no
      }
    }
    const { token } = preview
    // Who was agreed to on the terminal is named from here on: it must not be another by now.
    await context.withNode(({ client }) =>
      client.importTrustList({ ...request, signer: options.signer ?? signer, token }).catch(inFile),
    )
    if (out.json) out.value({ imported: true, ...preview, known: true })
    else out.line(`took "${preview.name}" ${preview.serial}: `, summary(preview))
    return EXIT.yes
  })
}

function show({ name, serial, signer, known, changes }: TrustListPreview, out: Output): void {
  out.note(strong(`${name}, number ${serial}`))
  out.note('  signed by ', strong(signer), known ? '' : warn('  (not known here)'))
  for (const { kind, id, name: title, groups, before } of changes) {
    out.note('  ', MARKS[kind], `  ${title ?? '-'}  `, faint(id), `  ${groupWords(groups)}`)
    if (before !== null) {
      out.note(faint(`      was ${before.name ?? '-'}  ${groupWords(before.groups)}`))
    }
  }
  if (changes.length === 0) out.note('  changes nothing')
}

function groupWords(groups: readonly string[]): string {
  return groups.length === 0 ? 'no group' : `groups ${groups.join(', ')}`
}

function summary({ changes }: TrustListPreview): string {
  const of = (wanted: string): number => changes.filter(({ kind }) => kind === wanted).length
  return `${countWords(of('added'), 'operator')} added, ${of('changed')} changed, ${of('removed')} dropped`
}
