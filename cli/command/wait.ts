/**
 * Asks again whenever the node hears something, until the answer is a decision.
 *
 * Events only say when to ask: the answer is always that of the node.
 */
import type { Command } from 'commander'
import type { VerdictQuery, VerdictReply } from '../../node/http/node-service.ts'
import type { ApiClient } from '../api/api-client.ts'
import { CliError } from '../cli-error.ts'
import type { Bind } from '../command-table.ts'
import { EXIT, exitCodeOf } from '../exit-code.ts'
import {
  addExamples,
  askOptions,
  durationArgument,
  verdictQuery,
  type AskOptions,
} from '../option.ts'
import type { Output } from '../terminal/output.ts'
import { describeReply, showReply } from '../terminal/verdict-report.ts'

interface Options extends AskOptions {
  readonly timeout?: number
}

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Waits until an image is decided: exits 0 for allow, 1 for deny, 3 if it is undecided when the time is over. Needs a running node.',
    )
    .argument('<image>', 'HOST/PATH:TAG, HOST/PATH@sha256:… or both')
    .option(
      '--timeout <duration>',
      'longest wait, such as 90s, 10m or 6h (default: no end)',
      durationArgument,
    )
  askOptions(command)
  addExamples(command, ['wait ghcr.io/example/app:1.2.0 --timeout 6h'])
  bind<Options>(command, async ({ context, options, args: [image = ''] }) => {
    const { timeout } = options
    const query = verdictQuery(image, options)
    const reply = await context.withNode(({ client, running }) => {
      if (!running) {
        throw new CliError(
          'needs-running-node',
          'nothing to wait for: start it with "rebuildnet start"',
        )
      }
      return context.untilStopped((stopped) => {
        const limits = timeout === undefined ? [] : [AbortSignal.timeout(timeout * 1000)]
        return waitForDecision(client, query, AbortSignal.any([stopped, ...limits]), context.out)
      })
    })
    if (context.json) context.out.value(describeReply(reply))
    else showReply(reply, context.out)
    return reply.answers.length === 0 ? EXIT.undecided : exitCodeOf(reply.decision)
  })
}

async function waitForDecision(
  client: ApiClient,
  query: VerdictQuery,
  signal: AbortSignal,
  out: Output,
): Promise<VerdictReply> {
  // Whatever way it ends, the stream is closed with it.
  const listening = new AbortController()
  const isOver = (): boolean => signal.aborted
  // Listen first, ask second: what happens in between must not be missed.
  const events = await client.events(
    ['verdict', 'statement'],
    AbortSignal.any([signal, listening.signal]),
  )
  try {
    for (let asked = query; ;) {
      const next = events.next()
      const reply = await client.verdict(asked)
      if (reply.decision !== 'undecided' || isOver()) return reply
      // A tag is resolved once: what is waited for is what it named when the wait began.
      const [only, ...others] = reply.answers
      if (only !== undefined && others.length === 0) {
        asked = { ...query, image: reply.image, platform: only.platform }
      }
      out.progress(`${reply.image}: ${reply.answers[0]?.reasons[0] ?? 'undecided'}`)
      const event = await next
      if (event.done === true && !isOver()) {
        throw new CliError('connection-lost', 'the node stopped: start it with "rebuildnet start"')
      }
    }
  } finally {
    out.progress('')
    listening.abort()
  }
}
