import type { Command } from 'commander'
import type { AnnounceRequest } from '../../node/http/node-service.ts'
import type { Bind } from '../command-table.ts'
import { CliError } from '../cli-error.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples } from '../option.ts'
import { faint, strong } from '../terminal/style.ts'

interface Options {
  readonly version: string
  readonly commit?: string
  readonly ref?: string
  readonly published?: string
  readonly publishes?: string
  readonly blind?: true
}

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Signs and publishes a release of a followed project. Every reference in its recipe is resolved now; the release carries literals only. Without --published the announcement is blind: rebuilders commit to their results before the image is out. Publish it then with --published and --publishes, which lists the logs of those who have committed, and push the image no earlier.',
    )
    .argument('<image>', 'image of the project, HOST/PATH')
    .requiredOption('--version <version>', 'version that is released')
    .option('--commit <commit>', 'source commit, 40 hex digits')
    .option('--ref <ref>', 'git ref to resolve, such as refs/tags/v1.2.0')
    .option('--published <reference>', 'published image; its digests go into the release')
    .option('--publishes <release>', 'blind release that this one publishes')
    .option('--blind', 'announce before the image is out; the default without --published')
  addExamples(command, [
    'announce ghcr.io/example/app --version 1.2.0 --ref refs/tags/v1.2.0 --published ghcr.io/example/app:1.2.0',
    'announce ghcr.io/example/app --version 1.3.0 --commit 4f2c… --blind',
    'announce ghcr.io/example/app --version 1.3.0 --commit 4f2c… --published ghcr.io/example/app:1.3.0 --publishes 91d0a7c2',
  ])
  bind<Options>(command, async ({ context, options, args: [image = ''] }) => {
    const { version, commit, ref, published, publishes, blind } = options
    if (commit === undefined && ref === undefined) {
      throw new CliError('usage', 'a release needs its source: add --commit COMMIT or --ref REF')
    }
    if (blind === true && (published !== undefined || publishes !== undefined)) {
      throw new CliError(
        'usage',
        'a blind announcement names no image: leave out --blind, or --published and --publishes',
      )
    }
    const { out } = context
    const release = await context.withNode(async ({ client }) => {
      out.progress(`announcing ${image} ${version}: reading its source and its image`)
      try {
        const request: AnnounceRequest = {
          image,
          version,
          ...(commit === undefined ? {} : { commit }),
          ...(ref === undefined ? {} : { ref }),
          ...(published === undefined ? {} : { published }),
          ...(publishes === undefined ? {} : { publishes: await sidOf(client, publishes) }),
        }
        return await client.announce(request)
      } finally {
        out.progress('')
      }
    })
    if (out.json) {
      out.value(release)
      return EXIT.yes
    }
    out.facts([
      ['release', strong(release.sid)],
      ['image', release.image],
      ['version', release.version],
      ['commit', release.commit],
      [
        'platforms',
        release.platforms.map(({ platform, manifestDigest }) =>
          manifestDigest === null
            ? faint(`${platform}  not published yet`)
            : `${platform}  ${manifestDigest}`,
        ),
      ],
    ])
    return EXIT.yes
  })
}

async function sidOf(
  client: { statement(reference: string): Promise<{ readonly sid: string } | undefined> },
  reference: string,
): Promise<string> {
  const found = await client.statement(reference)
  if (found !== undefined) return found.sid
  throw new CliError('usage', `no release ${reference} is known here: see "rebuildnet releases"`)
}
