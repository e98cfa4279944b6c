import { Option, type Command } from 'commander'
import type { NormalizedDescription } from '../../node/image/describe-normalized.ts'
import { CliError } from '../cli-error.ts'
import { chooseInflater, INFLATERS, type Inflater } from '../../node/image/inflater.ts'
import type { Bind } from '../command-table.ts'
import type { Context } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples, insecureOption, platformOption } from '../option.ts'
import { failedImage } from '../image-failure.ts'
import { showImageProgress } from '../terminal/image-progress.ts'
import type { Output } from '../terminal/output.ts'
import { faint, strong, warn } from '../terminal/style.ts'

interface Options {
  readonly platform?: string
  readonly layer?: string
  readonly profile?: string
  readonly insecure?: readonly string[]
  readonly inflater?: Inflater
  readonly cache: boolean
}

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Reads an image, verifies every blob of it, and prints its digests at the levels exact, normalized and rootfs. Needs no node and no data folder. What cannot be normalized without ambiguity has no digest: exit 2, with the code and the place.',
    )
    .argument(
      '[image]',
      'oci:DIR, oci-archive:FILE, docker-archive:FILE or docker://REF; a bare name is docker://',
    )
    .addOption(platformOption('platform, where the image is an index of several'))
    .option('--layer <file>', 'one bare layer instead: tar, gzip or zstd, told by its content')
    .option('--profile <id>', 'normalization profile (default: "rebuildnet/1")')
    .addOption(insecureOption())
    .addOption(
      new Option(
        '--inflater <name>',
        'what inflates gzip; auto takes igzip where it is installed. The results are the same (default: REBUILDNET_INFLATER, else "auto")',
      ).choices(INFLATERS),
    )
    .option('--no-cache', 'read every layer, also those that were read before')
  addExamples(command, [
    'normalize oci-archive:app.tar --json',
    'normalize ghcr.io/example/app:1.2.0 --platform linux/arm64',
    'normalize --layer layer.tar.gz',
  ])
  bind<Options>(command, async ({ context, options, args: [image] }) => {
    if (options.layer !== undefined) {
      if (image !== undefined) throw new CliError('usage', 'give an image or --layer, not both')
      return normalizeLayer(context, options.layer, options.profile)
    }
    if (image === undefined) {
      throw new CliError('usage', 'nothing to normalize: give an image, or --layer FILE')
    }
    return normalizeImage(context, image, options)
  })
}

async function normalizeImage(context: Context, image: string, options: Options): Promise<number> {
  const { out } = context
  const [{ normalizeSource }, { describeNormalized }, { nodeCrypto }, caching] = await Promise.all([
    import('../../node/image/normalizer.ts'),
    import('../../node/image/describe-normalized.ts'),
    import('../../node/crypto/node-crypto.ts'),
    import('../../node/image/layer-cache.ts'),
  ])
  const { environment } = context.io
  const folder = options.cache ? caching.chooseLayerCacheFolder(environment) : undefined
  const cache = folder === undefined ? undefined : new caching.LayerCache({ folder })
  const inflater = await chooseInflater(options.inflater, environment)
  const source = await context.untilStopped((signal) =>
    normalizeSource(
      { crypto: nodeCrypto, cache },
      {
        reference: image,
        platform: options.platform,
        profile: options.profile,
        insecure: options.insecure,
        inflater,
        signal,
        onProgress: showImageProgress(image, out),
      },
    )
      .catch(failedImage(image))
      .finally(() => out.progress('')),
  )
  const description = describeNormalized(source)
  if (out.json) out.value(description)
  else show(description, out)
  return EXIT.yes
}

async function normalizeLayer(
  context: Context,
  file: string,
  profile: string | undefined,
): Promise<number> {
  const { out } = context
  const [{ normalizeLayerFile }, { nodeCrypto }] = await Promise.all([
    import('../../node/image/normalizer.ts'),
    import('../../node/crypto/node-crypto.ts'),
  ])
  const layer = await context.untilStopped((signal) =>
    normalizeLayerFile({ crypto: nodeCrypto }, file, {
      profile,
      signal,
      onProgress: showImageProgress(file, out),
    })
      .catch(failedImage(file, true))
      .finally(() => out.progress('')),
  )
  if (out.json) out.value(layer)
  else {
    out.facts([
      ['normalized', strong(layer.normalizedDigest)],
      ['entries', String(layer.entries)],
    ])
  }
  return EXIT.yes
}

function show(description: NormalizedDescription, out: Output): void {
  const { rootfsDigest } = description
  out.facts([
    ['image', description.image],
    ['platform', description.platform],
    ['profile', description.profile],
    ['exact', description.manifestDigest ?? faint('none: a docker-archive has no manifest')],
    ['normalized', strong(description.normalizedDigest)],
    [
      'rootfs',
      typeof rootfsDigest === 'string'
        ? rootfsDigest
        : warn(`none: the layers cannot be flattened without ambiguity (${rootfsDigest.error})`),
    ],
  ])
  out.line('')
  out.table(
    ['layer', 'entries', 'normalized', 'digest'],
    description.layers.map((layer, index) => [
      String(index),
      String(layer.entries),
      layer.normalizedDigest,
      layer.digest,
    ]),
  )
}
