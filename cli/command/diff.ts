import { Option, type Command } from 'commander'
import type { FileContents, WantedContent } from '../../node/image/file-contents.ts'
import { inputWords } from '../../protocol/input-words.ts'
import type { Difference } from '../../protocol/normalize/diff.ts'
import type { Bind } from '../command-table.ts'
import { CliError } from '../cli-error.ts'
import type { Context } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { failedImage } from '../image-failure.ts'
import { addExamples, insecureOption, platformOption } from '../option.ts'
import { showDiff } from '../terminal/diff-report.ts'
import { showImageProgress } from '../terminal/image-progress.ts'
import { showStored } from '../terminal/stored-report.ts'
import { diffTexts } from '../terminal/text-diff.ts'
import { faint, warn } from '../terminal/style.ts'
import { bytesWords } from '../terminal/words.ts'

/** From weakest to strongest: each implies those before it. */
const LEVELS = ['none', 'rootfs', 'normalized', 'exact'] as const

type Level = (typeof LEVELS)[number]

interface Options {
  readonly platform?: string
  readonly level: Exclude<Level, 'none'>
  readonly profile?: string
  readonly insecure?: readonly string[]
  readonly between?: readonly string[]
  readonly content?: boolean
}

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Compares two images, wherever they are, and names every path that differs with both values. Needs no node. With --between: compares what two operators got for a release, or one of them with what was published; the node asks its peers for what differs, and no image is moved. Exits 0 where they are equal at the level asked for, 1 where not.',
    )
    .argument(
      '<a>',
      'image: oci:DIR, oci-archive:FILE, docker-archive:FILE or docker://REF; with --between a release: IMAGE@VERSION or a sid',
    )
    .argument('[b]', 'image to compare it with')
    .addOption(
      new Option('--level <level>', 'how alike they must be')
        .choices(['exact', 'normalized', 'rootfs'])
        .default('normalized'),
    )
    .addOption(platformOption('platform, where an image is an index of several'))
    .option('--profile <id>', 'normalization profile (default: "rebuildnet/1")')
    .option(
      '--content',
      'also read both images again and show how small text files differ (with --json: as "lines")',
    )
    .option('--between <operator...>', 'two operators, by name or id, or one and "published"')
    .addOption(insecureOption())
  addExamples(command, [
    'diff oci:mine docker://ghcr.io/example/app:1.2.0 --platform linux/amd64',
    'diff oci-archive:a.tar oci-archive:b.tar --level rootfs --json',
    'diff ghcr.io/example/app@1.2.0 --between alice published',
  ])
  bind<Options>(command, async ({ context, options, args: [a = '', b = ''] }) => {
    const { out } = context
    if (options.between !== undefined) return diffBetween(context, a, b, options)
    if (b === '')
      throw new CliError('usage', 'name a second image, or two operators with --between')
    if (options.level === 'exact') for (const image of [a, b]) requireManifest(image)
    const [{ describeStored, diffReferences }, { nodeCrypto }] = await Promise.all([
      import('../../node/image/diff-references.ts'),
      import('../../node/crypto/node-crypto.ts'),
    ])
    const { equal, differences, ...sources } = await context.untilStopped((signal) =>
      diffReferences({ crypto: nodeCrypto }, a, b, {
        platform: options.platform,
        profile: options.profile,
        insecure: options.insecure,
        signal,
        onProgress: showImageProgress('comparing', out),
        failed: (side) => failedImage(side === 'a' ? a : b),
      }),
    )
    out.progress('')
    const stored = { a: describeStored(sources.a), b: describeStored(sources.b) }
    const contentOf =
      options.content === true
        ? await loadContents(context, [a, b], differences, options)
        : undefined
    if (out.json) {
      const listed = differences.map((each) => {
        const lines = contentOf?.(each) ?? []
        return lines.length === 0 ? each : { ...each, lines }
      })
      out.value({ equal, differences: listed, ...stored })
    } else {
      showDiff(
        {
          equal,
          level: options.level,
          differences,
          ...(contentOf === undefined ? {} : { contentOf }),
        },
        out,
      )
      if (options.level === 'exact' && equal !== 'exact') showStored(stored.a, stored.b, out)
    }
    const same = LEVELS.indexOf(equal) >= LEVELS.indexOf(options.level)
    return same ? EXIT.yes : EXIT.no
  })
}

/** Throws CliError where the image has no digest at the level exact, before it is read. */
function requireManifest(image: string): void {
  if (!image.startsWith('docker-archive:')) return
  throw new CliError(
    'usage',
    `${image} cannot be compared at exact: a docker-archive has no manifest; compare at --level normalized, or make an oci-archive of both`,
  )
}

/** Reads both images again for the files that differ, and gives the lines to show below each. */
async function loadContents(
  context: Context,
  [a, b]: readonly [string, string],
  differences: readonly Difference[],
  options: Options,
): Promise<(difference: Difference) => readonly string[]> {
  const { fetchContents } = await import('../../node/image/file-contents.ts')
  const { nodeCrypto } = await import('../../node/crypto/node-crypto.ts')
  const { platform, profile, insecure } = options
  const fetch = (reference: string, side: 'a' | 'b'): Promise<FileContents> =>
    context.untilStopped((signal) =>
      fetchContents({ crypto: nodeCrypto }, reference, contentsOf(differences, side), {
        platform,
        profile,
        insecure,
        signal,
        onProgress: showImageProgress(`reading what differs in ${reference}`, context.out),
      }),
    )
  const [inA, inB] = [await fetch(a, 'a'), await fetch(b, 'b')]
  context.out.progress('')
  return (difference) => {
    if (!difference.what.includes('content')) return []
    const [before, after] = [difference.a?.content, difference.b?.content].map((digest, side) =>
      typeof digest === 'string' ? (side === 0 ? inA : inB).get(digest) : undefined,
    )
    if (before === undefined || after === undefined) return ['(too large to show)']
    return diffTexts(before, after) ?? ['(not text)']
  }
}

function contentsOf(differences: readonly Difference[], side: 'a' | 'b'): WantedContent[] {
  return differences.flatMap((difference) => {
    const digest = difference.what.includes('content') ? difference[side]?.content : undefined
    return typeof digest === 'string' ? [{ layer: difference.layer, digest }] : []
  })
}

async function diffBetween(
  context: Context,
  release: string,
  more: string,
  { between = [], level, platform, content, profile, insecure }: Options,
): Promise<number> {
  for (const [name, value] of Object.entries({ content, profile, insecure })) {
    if (value === undefined) continue
    throw new CliError(
      'usage',
      `--${name} is about images that are read here: leave it out with --between, which reads none`,
    )
  }
  const [a, b, ...others] = between
  if (a === undefined || b === undefined || others.length > 0 || more !== '') {
    throw new CliError('usage', 'write: diff RELEASE --between OPERATOR OPERATOR')
  }
  const { out } = context
  const reply = await context.withNode(({ client }) =>
    context.untilStopped((signal) =>
      client.diff({ release, a, b, ...(platform === undefined ? {} : { platform }) }, signal),
    ),
  )
  const { a: inA, b: inB } = reply
  // Both are what operators said: the manifests count only where what was compared is equal too.
  const isExact = reply.equal === 'normalized' && inA.manifestDigest === inB.manifestDigest
  const equal = isExact ? 'exact' : reply.equal
  if (out.json) out.value({ ...reply, equal })
  else {
    out.line(`${reply.image} ${reply.version} (${reply.platform})`)
    for (const [name, side] of [
      ['a', reply.a],
      ['b', reply.b],
    ] as const) {
      out.line(faint(`  ${name}  `), side.name ?? side.operator ?? '', faint(`  ${side.digest}`))
    }
    showDiff({ ...reply, equal, level }, out)
    if (level === 'exact' && !isExact) showStored(inA, inB, out)
    const nameOf = (who: string): string => reply[who === 'a' ? 'a' : 'b'].name ?? who
    for (const line of inputWords(reply.inputs, nameOf)) out.line(warn(line))
    const { sent, received, peers } = reply.moved
    const moved = `${bytesWords(received)} received, ${bytesWords(sent)} sent`
    out.line('')
    out.line(
      faint(
        peers === 0
          ? 'nothing moved: both trees are kept here'
          : `${moved}, ${peers} ${peers === 1 ? 'peer' : 'peers'} asked`,
      ),
    )
  }
  return LEVELS.indexOf(equal) >= LEVELS.indexOf(level) ? EXIT.yes : EXIT.no
}
