import type { Command } from 'commander'
import type { OperatorSummary } from '../../../node/http/trust-summary.ts'
import { CliError } from '../../cli-error.ts'
import type { Bind } from '../../command-table.ts'
import { EXIT } from '../../exit-code.ts'
import { isUnsafeName } from '../../terminal/safe-text.ts'
import { countWords } from '../../terminal/words.ts'
import { writeNamedFile } from '../../write-file.ts'

export function defineTrustExport(parent: Command, bind: Bind): void {
  const command = parent
    .command('export')
    .summary('write a list for others to import')
    .description(
      'Writes the operators of the policy as a list that others can import once you have signed it.',
    )
    .argument('<file>', 'where to')
    .requiredOption('--list <name>', 'name of the list; keep it, since its signer belongs to it')
  bind<{ readonly list: string }>(command, async ({ context, options, args: [file = ''] }) => {
    if (isUnsafeName(options.list)) {
      throw new CliError('usage', 'the name of the list is blank, or cannot be read')
    }
    const known = await context.withNode(({ client }) => client.operators())
    const trusted = known.filter((operator) => operator.trusted)
    // Seconds only grow, as the serial of a list must.
    const serial = Math.floor(Date.now() / 1000)
    const text = encodeList(options.list, serial, trusted)
    await writeNamedFile(file, text)
    const sign = `ssh-keygen -Y sign -n rebuildnet-trust/1 -f ~/.ssh/id_ed25519 ${file}`
    const { out } = context
    if (out.json) out.value({ file, list: options.list, serial, operators: trusted.length, sign })
    else {
      out.line(`${countWords(trusted.length, 'operator')} in ${file}`)
      out.line(`next: ${sign}`)
      out.line(`then publish ${file} and ${file}.sig, for "rebuildnet trust import ${file}"`)
    }
    return EXIT.yes
  })
}

function encodeList(name: string, serial: number, operators: readonly OperatorSummary[]): string {
  const blocks = operators.map(({ id, name: title, groups }) =>
    [
      '[[operator]]',
      `id = ${JSON.stringify(id)}`,
      ...(title === null ? [] : [`name = ${JSON.stringify(title)}`]),
      `groups = [${groups.map((group) => JSON.stringify(group)).join(', ')}]`,
    ].join('\n'),
  )
  const head = ['format = 1', `list = ${JSON.stringify(name)}`, `serial = ${serial}`].join('\n')
  return `${[head, ...blocks].join('\n\n')}\n`
}
