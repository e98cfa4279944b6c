import { Option, type Command } from 'commander'
import type { Difference } from '../../protocol/normalize/diff.ts'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples, insecureOption, platformOption } from '../option.ts'
import { showImageProgress } from '../terminal/image-progress.ts'
import type { Output } from '../terminal/output.ts'
import { bad, faint, good, strong } from '../terminal/style.ts'

/** From weakest to strongest: each implies those before it. */
const LEVELS = ['none', 'rootfs', 'normalized', 'exact'] as const

type Level = (typeof LEVELS)[number]

interface Options {
  readonly platform?: string
  readonly level: Exclude<Level, 'none'>
  readonly profile?: string
  readonly insecure?: readonly string[]
}

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Compares two images, wherever they are, and names every path that differs with both values. Needs no node. Exits 0 where they are equal at the level asked for, 1 where not.',
    )
    .argument('<a>', 'image: oci:DIR, oci-archive:FILE, docker-archive:FILE or docker://REF')
    .argument('<b>', 'image to compare it with')
    .addOption(
      new Option('--level <level>', 'how alike they must be')
        .choices(['exact', 'normalized', 'rootfs'])
        .default('normalized'),
    )
    .addOption(platformOption('platform, where an image is an index of several'))
    .option('--profile <id>', 'normalization profile (default: "rebuildnet/1")')
    .addOption(insecureOption())
  addExamples(command, [
    'diff oci:mine docker://ghcr.io/example/app:1.2.0 --platform linux/amd64',
    'diff oci-archive:a.tar oci-archive:b.tar --level rootfs --json',
  ])
  bind<Options>(command, async ({ context, options, args: [a = '', b = ''] }) => {
    const { out } = context
    const [{ diffReferences }, { nodeCrypto }] = await Promise.all([
      import('../../node/image/diff-references.ts'),
      import('../../node/crypto/node-crypto.ts'),
    ])
    const { equal, differences } = await context.untilStopped((signal) =>
      diffReferences({ crypto: nodeCrypto }, a, b, {
        platform: options.platform,
        profile: options.profile,
        insecure: options.insecure,
        signal,
        onProgress: showImageProgress('comparing', out),
      }),
    )
    out.progress('')
    if (out.json) out.value({ equal, differences })
    else show(equal, differences, out)
    const same = LEVELS.indexOf(equal) >= LEVELS.indexOf(options.level)
    return same ? EXIT.yes : EXIT.no
  })
}

function show(equal: Level, differences: readonly Difference[], out: Output): void {
  out.line(equal === 'none' ? bad('≠ they differ') : good(`= equal at level ${equal}`))
  for (const difference of differences) {
    const where = difference.layer === null ? '' : `layer ${difference.layer}`
    out.line(strong(difference.path), '  ', difference.what.join(', '), faint(`  ${where}`))
    out.line(faint('    a '), describeSide(difference.a))
    out.line(faint('    b '), describeSide(difference.b))
  }
}

function describeSide(side: unknown): string {
  if (typeof side !== 'object' || side === null) return '-'
  const fields = Object.entries(side).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  )
  return fields.length === 0 ? '-' : fields.join(' ')
}
