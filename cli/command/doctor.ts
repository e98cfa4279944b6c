import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import type { StatementSummary } from '../../node/http/node-service.ts'
import type { Standing } from '../../node/system/standing.ts'
import type { Bind } from '../command-table.ts'
import type { Context } from '../context.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples } from '../option.ts'
import { bad, faint, good, warn, type Span } from '../terminal/style.ts'

/** Own statements that are asked for: the newest are among the last of them. */
const MAX_STATEMENTS = 1000

const MARKS: Readonly<Record<'ok' | 'warn' | 'fail', Span>> = {
  ok: good('✓ ok  '),
  warn: warn('! warn'),
  fail: bad('✗ fail'),
}

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Checks what this machine can do: Node, git, builders and their isolation, disk, clock, operator card, policy; and whether the node builds and votes. Exits 1 where something keeps a node from working.',
    )
    .option('--no-build', 'for a node that only asks and watches')
  addExamples(command, ['doctor', 'doctor --no-build --json'])
  bind<{ readonly build: boolean }>(command, async ({ context, options }) => {
    const [
      { examine },
      { makeBuilders },
      { loadConfig },
      { systemClock },
      policyWarnings,
      cardExpires,
    ] = await Promise.all([
      import('../../node/system/doctor.ts'),
      import('../../node/builders.ts'),
      import('../../node/config.ts'),
      import('../../node/clock.ts'),
      readPolicyWarnings(context.dataFolder),
      readCardExpiry(context.dataFolder),
    ])
    const { latestKnownTime, standing } = cardExpires === undefined ? {} : await askNode(context)
    const { out, dataFolder } = context
    const { build, builders } = await loadConfig({ dataFolder, environment: process.env })
    const findings = await context.untilStopped((signal) =>
      examine(
        { clock: systemClock, builders: makeBuilders(builders) },
        {
          dataFolder,
          builds: options.build,
          routes: build.routes,
          ...(cardExpires === undefined ? {} : { cardExpires }),
          ...(latestKnownTime === undefined ? {} : { latestKnownTime }),
          ...(policyWarnings === undefined ? {} : { policyWarnings }),
          ...(standing === undefined ? {} : { standing }),
        },
        signal,
      ),
    )
    if (out.json) out.value(findings)
    else {
      for (const { name, status, detail, remedy } of findings) {
        out.line(MARKS[status], '  ', name.padEnd(10), detail)
        if (remedy !== undefined) out.line(faint(`${' '.repeat(18)}${remedy}`))
      }
    }
    return findings.some(({ status }) => status === 'fail') ? EXIT.no : EXIT.yes
  })
}

/** Undefined before `init`; a policy that cannot be read is an error like everywhere. */
async function readPolicyWarnings(root: string): Promise<readonly string[] | undefined> {
  const [{ dataFolder }, { PolicyFile }, { nodeCrypto }] = await Promise.all([
    import('../../node/data-folder.ts'),
    import('../../node/policy-file.ts'),
    import('../../node/crypto/node-crypto.ts'),
  ])
  const { policy } = dataFolder(root)
  if (!existsSync(policy)) return undefined
  return (await PolicyFile.load(policy, nodeCrypto)).policy.warnings
}

/** Undefined before `init`; a damaged card is an error like everywhere. */
async function readCardExpiry(root: string): Promise<number | undefined> {
  const [{ dataFolder }, { loadOwnCard }, { nodeCrypto }] = await Promise.all([
    import('../../node/data-folder.ts'),
    import('../../node/operator-identity.ts'),
    import('../../node/crypto/node-crypto.ts'),
  ])
  const folder = dataFolder(root)
  if (!existsSync(folder.card)) return undefined
  return (await loadOwnCard(folder, nodeCrypto)).card.body.expires
}

/** What the node knows, in one question; nothing where its store cannot be read. */
async function askNode(context: Context): Promise<{
  /** Newest time in what this node has signed. */
  readonly latestKnownTime?: number
  readonly standing?: Standing
}> {
  const told = await context
    .withNode(async ({ client }) => ({
      own: await client.log({ limit: MAX_STATEMENTS }),
      status: await client.status(),
    }))
    // The doctor is asked when things are broken: what is wrong with the store, fsck tells.
    .catch(() => undefined)
  if (told === undefined) return {}
  const times = told.own.flatMap(({ body }) => timesOf(body))
  const { queue, disk } = told.status
  return {
    ...(times.length === 0 ? {} : { latestKnownTime: Math.max(...times) }),
    standing: { gate: queue.gate, disk },
  }
}

function timesOf(body: StatementSummary['body']): readonly number[] {
  const { issued, announced, finished, withdrawn } = body as Readonly<Record<string, unknown>>
  return [issued, announced, finished, withdrawn].filter((time) => typeof time === 'number')
}
