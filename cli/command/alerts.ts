import type { Command } from 'commander'
import type { AlertSummary } from '../../node/http/node-service.ts'
import type { Context } from '../context.ts'
import { CliError } from '../cli-error.ts'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples } from '../option.ts'
import { alertSubject } from '../terminal/event-line.ts'
import type { Output } from '../terminal/output.ts'
import { alertSpan, faint, strong, warn } from '../terminal/style.ts'
import { timeWords } from '../terminal/words.ts'

export function define(command: Command, bind: Bind): void {
  command.description(
    'Changes of verdict to contradicted, diverged or unreproducible, and logs that cannot be believed: one alert for each, until its cause is gone.',
  )
  addExamples(command, ['alerts ls --open', 'alerts watch --json'])

  const ls = command
    .command('ls')
    .summary('list them')
    .description('Lists alerts, newest last. Exits 1 where one is open.')
    .option('--open', 'only those that last')
  bind<{ readonly open?: boolean }>(ls, async ({ context, options }) => {
    const alerts = await context.withNode(({ client }) =>
      client.alerts(options.open === true ? { open: true } : {}),
    )
    if (context.json) context.out.value(alerts)
    else if (alerts.length === 0) context.out.note('no alerts')
    else for (const alert of alerts) showAlert(alert, context.out)
    return alerts.some((alert) => alert.ended === null) ? EXIT.no : EXIT.yes
  })

  const watch = command
    .command('watch')
    .summary('show them as they come')
    .description('Shows alerts as they begin and end, until it is stopped. Needs a running node.')
  bind(watch, ({ context }) => watchAlerts(context))
}

function watchAlerts(context: Context): Promise<number> {
  return context.withNode(({ client, running }) => {
    if (!running) {
      throw new CliError(
        'needs-running-node',
        'nothing to watch: start the node with "rebuildnet start"',
      )
    }
    return context.untilStopped(async (signal) => {
      const events = await client.events(['alert'], signal)
      context.out.note(faint('watching; stop with Ctrl-C'))
      for await (const event of events) {
        if (event.type !== 'alert') continue
        if (context.json) context.out.value(event.data)
        else showAlert(event.data, context.out)
      }
      if (signal.aborted) return EXIT.yes
      throw new CliError('connection-lost', 'the node stopped: start it with "rebuildnet start"')
    })
  })
}

function showAlert(alert: AlertSummary, out: Output): void {
  const until = alert.ended === null ? 'lasts' : `until ${timeWords(alert.ended)}`
  out.line(
    alertSpan(alert),
    '  ',
    strong(alertSubject(alert)),
    faint(`  since ${timeWords(alert.began)}, ${until}`),
  )
  if (alert.digest !== null) out.line(faint(`    ${alert.digest}`))
  for (const reason of alert.reasons) out.line(`    ${reason}`)
  for (const path of alert.evidence.paths) out.line('    differs: ', warn(path))
}
