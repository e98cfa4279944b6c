/** Looks over the store where no node runs; with --reindex, mends it. */
import type { Command } from 'commander'
import type { FsckReport } from '../../node/fsck.ts'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { CliError } from '../cli-error.ts'
import type { Context } from '../context.ts'
import { addExamples } from '../option.ts'
import type { Output } from '../terminal/output.ts'
import { bad, faint, good, warn } from '../terminal/style.ts'
import { countWords, durationWords, timeWords } from '../terminal/words.ts'

interface Options {
  readonly reindex?: boolean
  readonly believeClock?: boolean
  readonly yes?: boolean
}

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Checks the store of a data folder that no node has open: its files, and every statement with its signature. Exits 0 where all is well, 1 where something was damaged. With --reindex, makes the indexes anew and sets damaged statements aside; what can be read of a database whose files are damaged is saved into a new one, and the damaged one stays beside it. Peers send again what was lost.',
    )
    .option('--reindex', 'mend what is damaged')
    .option(
      '--believe-clock',
      'instead: take back the time that a clock which was ahead has written down here',
    )
    .option('--yes', 'with --believe-clock: do not ask')
  addExamples(command, ['fsck', 'fsck --reindex --json', 'fsck --believe-clock'])
  bind<Options>(command, async ({ context, options }) => {
    if (options.believeClock === true) {
      if (options.reindex === true) {
        throw new CliError('usage', '--believe-clock and --reindex are two things: one at a time')
      }
      return believe(context, options)
    }
    const { checkStore, isClean } = await import('../../node/fsck.ts')
    const report = await context.untilStopped((signal) =>
      checkStore(context.dataFolder, { reindex: options.reindex ?? false, signal }),
    )
    const clean = isClean(report)
    if (context.json) context.out.value({ clean, ...report })
    else show(report, { clean, logsOnly: isClean({ ...report, damagedLogs: [] }) }, context.out)
    return clean ? EXIT.yes : EXIT.no
  })
}

async function believe(context: Context, { yes }: Options): Promise<number> {
  const [{ believeClock }, { systemClock }] = await Promise.all([
    import('../../node/clock-belief.ts'),
    import('../../node/clock.ts'),
  ])
  const belief = await believeClock(
    context.dataFolder,
    systemClock,
    async ({ clock, written, behind }) =>
      yes === true ||
      context.confirm(
        `The clock of this machine says ${timeWords(clock)}, and ${timeWords(written ?? clock)} was written down here, ${durationWords(behind)} later. Is the clock right now? If it was set back, what is too old will count as fresh.`,
        'nobody has said that the clock is right: ask in a terminal, or add --yes',
      ),
  )
  if (context.json) context.out.value(belief)
  else if (belief.behind === 0)
    context.out.line(good('the clock is not behind what was written down'))
  else if (belief.believed) context.out.line(good('the clock is believed from now on'))
  else context.out.line(warn('nothing was changed'))
  return belief.believed ? EXIT.yes : EXIT.no
}

/** What is wrong: nothing, or nothing but logs. */
interface Found {
  readonly clean: boolean
  readonly logsOnly: boolean
}

function show(report: FsckReport, found: Found, out: Output): void {
  const { damaged, damagedRecords, damagedLogs, damagedFiles, added, removed } = report
  const { kept, unreadable } = report
  const isClosed = kept === null && (unreadable !== null || damagedFiles.length > 0)
  out.facts([
    ['store', report.store],
    ['statements', `${report.statements} ${isClosed ? 'can be saved' : 'whole'}`],
    ...(report.lost === 0 ? [] : [['lost', warn(lostWords(report.lost))] as const]),
    ...(unreadable === null ? [] : [['database', bad(unreadable)] as const]),
    ...(report.uncleanStop ? [['stopped', warn('not in order, the last time')] as const] : []),
    ...(damagedFiles.length === 0 ? [] : [['damaged files', damagedFiles] as const]),
    ...(damaged.length === 0 ? [] : [['damaged', damaged] as const]),
    ...(damagedRecords.length === 0 ? [] : [['records', damagedRecords] as const]),
    ...(damagedLogs.length === 0 ? [] : [['logs', damagedLogs] as const]),
    ...(kept === null ? [] : [['kept', `the damaged database, in ${kept}`] as const]),
    ...(added + removed === 0
      ? []
      : [
          [
            'indexes',
            `${countWords(added, 'entry was', 'entries were')} missing, ${removed} wrong`,
          ] as const,
        ]),
  ])
  if (found.clean) out.line(good('all is well'))
  else if (report.mended) {
    out.line(warn('mended: what was damaged stands aside'))
    out.line(faint('peers send it again; until one has, nothing is allowed'))
    if (kept !== null) {
      out.line(
        faint('the next start closes the own log, since its end may be lost, and opens a new one'),
      )
    }
  } else if (found.logsOnly) {
    out.line(bad('damaged: the next start mends it'))
    out.line(faint('logs of others come again from peers, and the own one is closed'))
  } else out.line(bad('damaged: "rebuildnet fsck --reindex" mends it'))
}

function lostWords(lost: number | null): string {
  return lost === null
    ? 'how many is not known: the count is lost as well'
    : `${countWords(lost, 'statement')} that had been here`
}
