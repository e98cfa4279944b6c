import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples } from '../option.ts'
import { bad, faint, good, warn, type Span } from '../terminal/style.ts'

const MARKS: Readonly<Record<'ok' | 'warn' | 'fail', Span>> = {
  ok: good('✓ ok  '),
  warn: warn('! warn'),
  fail: bad('✗ fail'),
}

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Checks what this machine can do: Node, git, builders and their isolation, disk, clock, policy. Exits 1 where something keeps a node from working.',
    )
    .option('--no-build', 'for a node that only asks and watches')
  addExamples(command, ['doctor', 'doctor --no-build --json'])
  bind<{ readonly build: boolean }>(command, async ({ context, options }) => {
    const [{ examine }, { Buildah }, { systemClock }, policyWarnings] = await Promise.all([
      import('../../node/system/doctor.ts'),
      import('../../node/rebuild/buildah.ts'),
      import('../../node/clock.ts'),
      readPolicyWarnings(context.dataFolder),
    ])
    const { out, dataFolder } = context
    const findings = await context.untilStopped((signal) =>
      examine(
        { clock: systemClock, builders: [new Buildah()] },
        {
          dataFolder,
          builds: options.build,
          ...(policyWarnings === undefined ? {} : { policyWarnings }),
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
