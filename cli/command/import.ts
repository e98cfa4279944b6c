/** Takes in evidence from a file: a bundle for an image, or a proof. */
import type { Command } from 'commander'
import { encodeBundle, MAX_BUNDLE_BYTES, parseBundle } from '../../protocol/bundle.ts'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples } from '../option.ts'
import { readNamedFile } from '../read-file.ts'
import { good, warn } from '../terminal/style.ts'
import { countWords } from '../terminal/words.ts'

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Takes in what "export" wrote, on a machine with or without a network. Nothing in the file is believed for being in it: it counts no more than what peers send. Exits 1 where some of it was refused.',
    )
    .argument('<file>', 'a bundle, or a proof that an operator told two histories')
  addExamples(command, ['import app.bundle', 'import op1.proof --json'])
  bind(command, async ({ context, args: [file = ''] }) => {
    const bundle = asBundle(await readNamedFile(file, MAX_BUNDLE_BYTES))
    const report = await context.withNode(({ client }) =>
      client.importBundle(Buffer.from(bundle).toString('base64')),
    )
    const { out } = context
    if (context.json) out.value(report)
    else {
      const { statements, known, heads, proofs, refused, questions } = report
      out.line(
        good('taken in: '),
        [
          `${countWords(statements, 'statement')} (${known} known before)`,
          countWords(heads, 'head'),
          countWords(proofs, 'proof'),
        ].join(', '),
      )
      for (const why of refused) out.line(warn(`refused: ${why}`))
      for (const { repository, digest } of questions) {
        out.line(`it is about ${repository}@${digest}: "rebuildnet verify" answers from it`)
      }
    }
    return report.refused.length === 0 ? EXIT.yes : EXIT.no
  })
}

/** A proof begins with its version; what is neither is for the bundle's parser to name. */
function asBundle(bytes: Uint8Array): Uint8Array {
  if (bytes[0] === 1) {
    return encodeBundle({ questions: [], statements: [], logs: [], proofs: [bytes] })
  }
  parseBundle(bytes)
  return bytes
}
