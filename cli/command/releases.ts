import type { Command } from 'commander'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples } from '../option.ts'
import { decisionSpan, faint, verdictSpan } from '../terminal/style.ts'
import { shortSid, timeWords } from '../terminal/words.ts'

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Announced releases of the followed projects, with the verdict on each platform, newest last.',
    )
    .argument('[image]', 'only of this project')
  addExamples(command, ['releases', 'releases ghcr.io/example/app --json'])
  bind(command, async ({ context, args: [image] }) => {
    const found = await context.withNode(({ client }) =>
      client.releases(image === undefined ? {} : { image }),
    )
    const releases = found.toSorted((a, b) => a.announced - b.announced)
    const { out } = context
    if (out.json) out.value(releases)
    else if (releases.length === 0) out.note('no release is known here yet')
    else {
      out.table(
        ['release', 'image', 'version', 'announced', 'platform', 'verdict', 'decision'],
        releases.flatMap((release) =>
          release.platforms.map(({ platform, manifestDigest }) => {
            const answer = release.verdicts.find((each) => each.platform === platform)
            return [
              shortSid(release.sid),
              release.image,
              release.version,
              timeWords(release.announced),
              platform,
              answer === undefined
                ? faint(manifestDigest === null ? 'not published yet' : '-')
                : verdictSpan(answer),
              answer === undefined ? '' : decisionSpan(answer.decision),
            ]
          }),
        ),
      )
    }
    return EXIT.yes
  })
}
