import type { Command } from 'commander'
import type { RebuildPlan } from '../../node/http/node-service.ts'
import type { Bind } from '../command-table.ts'
import { CliError } from '../cli-error.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples, platformOption } from '../option.ts'
import type { Output } from '../terminal/output.ts'
import { bad, strong } from '../terminal/style.ts'
import { NEWLINE_VARIABLE, shellWords } from '../terminal/words.ts'
import { showQueue } from '../terminal/queue-table.ts'

interface Options {
  readonly platform?: string
  readonly dryRun?: boolean
  readonly print?: boolean
}

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Puts a release on the queue of this node. With --dry-run it shows the exact commands, and runs nothing.',
    )
    .argument('<release>', 'sid, a prefix of it (8 digits or more), or IMAGE@VERSION')
    .addOption(platformOption('only this platform; every one that this node builds where absent'))
    .option('--dry-run', 'show what would be run, and why it would be refused')
    .option('--print', 'with --dry-run: the commands alone, to be pasted into a shell')
  addExamples(command, [
    'rebuild ghcr.io/example/app@1.2.0 --dry-run',
    'rebuild ghcr.io/example/app@1.2.0 --dry-run --print',
    'rebuild 3fa9c2d1 --platform linux/arm64',
  ])
  bind<Options>(command, async ({ context, options, args: [reference = ''] }) => {
    const { out } = context
    if (options.print === true && options.dryRun !== true) {
      throw new CliError('usage', '--print is for --dry-run: it shows commands, and runs nothing')
    }
    if (options.dryRun === true) {
      const plans = await context.withNode(({ client }) =>
        client.planRebuild(reference, options.platform),
      )
      if (out.json) out.value(plans)
      else if (options.print === true) {
        out.line('# where ./source is the source of the release, checked out')
        out.line('WORK=$(mktemp -d)')
        out.line(NEWLINE_VARIABLE)
        for (const plan of plans) printPlan(plan, out)
      } else for (const plan of plans) showPlan(plan, out)
      return plans.some((plan) => plan.refusals.length > 0) ? EXIT.no : EXIT.yes
    }
    const { items, running } = await context.withNode(async ({ client, running }) => ({
      items: await client.rebuild(reference, options.platform),
      running,
    }))
    if (out.json) out.value(items)
    else showQueue(items, out)
    if (!running) out.note('it is built when the node runs: rebuildnet start')
    return EXIT.yes
  })
}

function showPlan(plan: RebuildPlan, out: Output): void {
  out.line(strong(`${plan.image} ${plan.version} ${plan.platform}`), ` with ${plan.builder}`)
  for (const argv of plan.commands) out.line(`  ${shellWords(argv)}`)
  for (const refusal of plan.refusals) out.line(bad(`  refused: ${refusal}`))
}

/** A shell's text: what is not a command is a comment. */
function printPlan(plan: RebuildPlan, out: Output): void {
  out.line(`# ${plan.image} ${plan.version} ${plan.platform} with ${plan.builder}`)
  for (const refusal of plan.refusals) out.line(`# refused: ${refusal}`)
  for (const argv of plan.commands) out.line(shellWords(argv))
}
