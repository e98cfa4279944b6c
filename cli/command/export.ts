/** Evidence as a file: everything about one image, or the proof that an operator told two histories. */
import type { Command } from 'commander'
import { CliError } from '../cli-error.ts'
import type { Bind } from '../command-table.ts'
import type { Context } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples, platformOption } from '../option.ts'
import { bytesWords, operatorWords } from '../terminal/words.ts'
import { writeNamedFile } from '../write-file.ts'

interface Options {
  readonly output: string
  readonly platform?: string
  readonly proof?: string
}

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Writes all evidence for an image into one file: what your operators and the announcers said of its project, their cards, and their logs. It verifies without a network, with "verify --bundle" or after "import".',
    )
    .argument('[image]', 'HOST/PATH:TAG, HOST/PATH@sha256:… or both')
    .requiredOption('-o, --output <file>', 'where to')
    .addOption(platformOption('platform of an index; the one of this machine where absent'))
    .option(
      '--proof <operator>',
      'instead, the proof that this operator (name or id) told two histories',
    )
  addExamples(command, [
    'export ghcr.io/example/app:1.2.0 -o app.bundle',
    'export --proof op1… -o op1.proof',
  ])
  bind<Options>(command, async ({ context, options, args: [image] }) => {
    if ((image === undefined) === (options.proof === undefined)) {
      throw new CliError('usage', 'name either an image, or an operator with --proof')
    }
    return options.proof === undefined
      ? exportImage(image ?? '', options, context)
      : exportProof(options.proof, options, context)
  })
}

async function exportImage(image: string, options: Options, context: Context): Promise<number> {
  const { platform, output } = options
  const { bundle } = await context.withNode(({ client }) =>
    client.exportBundle({ image, ...(platform === undefined ? {} : { platform }) }),
  )
  const bytes = Buffer.from(bundle, 'base64')
  await writeNamedFile(output, bytes)
  if (context.json) context.out.value({ file: output, bytes: bytes.length })
  else context.out.line(`the evidence for ${image} is in ${output} (${bytesWords(bytes.length)})`)
  return EXIT.yes
}

async function exportProof(operator: string, options: Options, context: Context): Promise<number> {
  const proofs = await context.withNode(({ client }) => client.proofs(operator))
  const [proof, ...others] = proofs
  if (proof === undefined) {
    if (context.json) context.out.value({ file: null, proofs: [] })
    else context.out.line(`no proof about "${operator}" is known here`)
    return EXIT.no
  }
  await writeNamedFile(options.output, Buffer.from(proof.proof, 'base64'))
  const { proof: _bytes, ...shown } = proof
  if (context.json) context.out.value({ file: options.output, ...shown })
  else {
    context.out.line(`${operatorWords(proof.operator)}: ${proof.words}`)
    context.out.line(`the proof is in ${options.output}: "rebuildnet verify --proof" checks it`)
    if (others.length > 0) context.out.note(`${others.length} more about other keys of it`)
  }
  return EXIT.yes
}
