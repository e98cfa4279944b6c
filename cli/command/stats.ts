/** How it goes with the releases of the followed projects. */
import type { Command } from 'commander'
import type { ProjectStatistics, Spread } from '../../node/http/statistics-summary.ts'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples, countArgument } from '../option.ts'
import type { Output } from '../terminal/output.ts'
import { faint, strong } from '../terminal/style.ts'
import { countWords, durationWords, operatorWords } from '../terminal/words.ts'

interface Options {
  readonly last?: number
}

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Of the newest releases of the followed projects: how soon enough operators of the policy agree, how often each of them does, and how long builds take. Times are those that signers claim.',
    )
    .argument('[image]', 'only of this project')
    .option('--last <count>', 'how many releases of each project (100 where absent)', countArgument)
  addExamples(command, ['stats', 'stats ghcr.io/example/app --last 20', 'stats --json'])
  bind<Options>(command, async ({ context, options: { last }, args: [image] }) => {
    const filter = {
      ...(image === undefined ? {} : { image }),
      ...(last === undefined ? {} : { last }),
    }
    const projects = await context.withNode(({ client }) => client.statistics(filter))
    const { out } = context
    if (out.json) out.value(projects)
    else if (projects.length === 0) out.note('no project is followed: rebuildnet follow FILE')
    else for (const project of projects) show(project, out)
    return EXIT.yes
  })
}

function show(project: ProjectStatistics, out: Output): void {
  const { image, images, releases, timeToQuorum, agreement, operators, buildTime } = project
  out.line(strong(image))
  const asked = `${countWords(images, 'published image')} of ${countWords(releases.counted, 'release')}`
  const older = releases.known - releases.counted
  out.facts([
    ['looked at', older === 0 ? asked : `${asked}, and not at ${older} older ones`],
    ['quorum', `${spreadWords(timeToQuorum)}; not reached yet: ${timeToQuorum.open}`],
    [
      'agreement',
      `${agreement.agreed} of ${countWords(agreement.results, 'result')}; all alike: ${agreement.unanimous} of ${countWords(images, 'image')}`,
    ],
    ...buildTime.flatMap(({ platform, own, all, emulated }) => [
      [`builds`, `${platform}: ${spreadWords(all)}`] as const,
      ...(own.count === 0 ? [] : [['', `of this node: ${spreadWords(own)}`] as const]),
      ...(emulated.count === 0 ? [] : [['', `emulated: ${spreadWords(emulated)}`] as const]),
    ]),
  ])
  if (operators.length === 0) out.line(faint('nobody is trusted: rebuildnet trust add CARD'))
  else {
    out.table(
      ['operator', 'agreed', 'dissented', 'unstable or failed'],
      operators.map(({ operator, name, agreed, dissented, unreproduced }) => [
        operatorWords(operator, name),
        String(agreed),
        String(dissented),
        String(unreproduced),
      ]),
    )
  }
}

function spreadWords({ count, median, p90, longest }: Spread): string {
  if (median === null || p90 === null || longest === null) return 'none'
  if (count === 1) return durationWords(median)
  const words = [
    `half within ${durationWords(median)}`,
    `nine of ten within ${durationWords(p90)}`,
    `longest ${durationWords(longest)}`,
  ]
  return `${words.join(', ')} (${count})`
}
