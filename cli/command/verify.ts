import type { Command } from 'commander'
import { CliError } from '../cli-error.ts'
import type { Bind } from '../command-table.ts'
import type { Context } from '../context.ts'
import { EXIT, exitCodeOf } from '../exit-code.ts'
import { addExamples, askOptions, verdictQuery, type AskOptions } from '../option.ts'
import { readNamedFile } from '../read-file.ts'
import { bad, faint, good, strong } from '../terminal/style.ts'
import { describeReply, showReply } from '../terminal/verdict-report.ts'

interface Options extends AskOptions {
  readonly bundle?: string
  readonly proof?: string
}

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Asks whether enough operators of your policy rebuilt this image. A tag is resolved to a digest, which is printed. Exits 0 for allow, 1 for deny, 3 for undecided.',
    )
    .argument('[image]', 'HOST/PATH:TAG, HOST/PATH@sha256:… or both')
    .option('--bundle <file>', 'answer from this file of "export" alone, without a network')
    .option(
      '--proof <file>',
      'instead, check a proof that an operator told two histories: exits 0 if it proves that, else 1',
    )
  askOptions(command)
  addExamples(command, [
    'verify ghcr.io/example/app:1.2.0',
    'verify ghcr.io/example/app@sha256:4f2c… --platform all --json',
    'verify --bundle app.bundle',
    'verify --proof op1.proof',
  ])
  bind<Options>(command, async ({ context, options, args: [image] }) => {
    const { bundle, proof } = options
    const named = [image, bundle, proof].filter((each) => each !== undefined).length
    if (named === 0) {
      throw new CliError(
        'usage',
        `missing required argument 'image'; see "rebuildnet verify --help"`,
      )
    }
    if (named > 1) {
      throw new CliError('usage', 'name one thing: an image, or a file with --bundle or --proof')
    }
    if (proof !== undefined) return verifyProof(proof, context)
    if (bundle !== undefined) return verifyBundle(bundle, context)
    const reply = await context.withNode(({ client }) =>
      client.verdict(verdictQuery(image ?? '', options)),
    )
    if (context.json) context.out.value(describeReply(reply))
    else showReply(reply, context.out)
    return reply.answers.length === 0 ? EXIT.undecided : exitCodeOf(reply.decision)
  })
}

async function verifyProof(file: string, { out }: Context): Promise<number> {
  const [{ openProof }, { MAX_PROOF_BYTES }, { LogError }, { nodeCrypto }] = await Promise.all([
    import('../../protocol/log/equivocation.ts'),
    import('../../protocol/log/proof-parts.ts'),
    import('../../protocol/log/log-error.ts'),
    import('../../node/crypto/node-crypto.ts'),
  ])
  const bytes = await readNamedFile(file, MAX_PROOF_BYTES)
  try {
    const { kind, operator, key, origin, words, id } = openProof(bytes, nodeCrypto)
    if (out.json) {
      out.value({ proven: true, kind, operator, key, origin: origin.text, words, id })
    } else {
      out.line(good('proven: '), `the holder of key ${key} told two histories`)
      out.line(`    ${words}`)
      out.line('    in the name of ', strong(operator))
      out.line(`    log ${origin.text}`)
      out.line(faint(`    proof ${id}`))
    }
    return EXIT.yes
  } catch (error) {
    if (!(error instanceof LogError)) throw error
    if (out.json) out.value({ proven: false, code: error.code, reason: error.message })
    else out.line(bad('not proven: '), error.message)
    return EXIT.no
  }
}

async function verifyBundle(file: string, { out, dataFolder }: Context): Promise<number> {
  const [{ answerBundle }, { MAX_BUNDLE_BYTES }] = await Promise.all([
    import('../../node/bundle-verdict.ts'),
    import('../../protocol/bundle.ts'),
  ])
  const reply = await answerBundle(dataFolder, await readNamedFile(file, MAX_BUNDLE_BYTES))
  if (out.json) out.value(describeReply(reply))
  else showReply(reply, out)
  return reply.answers.length === 0 ? EXIT.undecided : exitCodeOf(reply.decision)
}
