import type { Command } from 'commander'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples } from '../option.ts'
import { strong } from '../terminal/style.ts'

export function define(command: Command, bind: Bind): void {
  command.description('The projects that this node follows, and how.')
  addExamples(command, ['projects', 'projects --json'])
  bind(command, async ({ context }) => {
    const projects = await context.withNode(({ client }) => client.projects())
    const { out } = context
    if (out.json) out.value(projects)
    else if (projects.length === 0) out.note('no project is followed: rebuildnet follow FILE')
    else {
      out.table(
        ['image', 'rebuilds', 'platforms', 'announcers', 'announces', 'source'],
        projects.map((project) => [
          strong(project.image),
          !project.build ? 'no' : project.trustRecipe ? 'yes, recipe trusted' : 'yes',
          project.platforms.join(' '),
          String(project.announcers.length),
          project.announce ? 'new tags' : 'by hand',
          project.source,
        ]),
      )
    }
    return EXIT.yes
  })
}
