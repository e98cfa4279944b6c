import { existsSync } from 'node:fs'
import type { Command } from 'commander'
import { buildLogFile, dataFolder } from '../../node/data-folder.ts'
import type { StatementSummary } from '../../node/http/node-service.ts'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples, countArgument } from '../option.ts'
import { shortSid } from '../terminal/words.ts'

const DEFAULT_LIMIT = 100
const MAX_LIMIT = 1000

export function define(command: Command, bind: Bind): void {
  command
    .description('What this node itself has published, in that order; or one statement in full.')
    .argument('[what]', 'image of a project, or a statement: sid, prefix of it, or IMAGE@VERSION')
    .option('--limit <n>', 'how many at most', countArgument, DEFAULT_LIMIT)
  addExamples(command, ['log', 'log ghcr.io/example/app --limit 10', 'log 3fa9c2d1 --json'])
  bind<{ readonly limit: number }>(command, async ({ context, options, args: [what] }) => {
    const { out } = context
    if (what !== undefined && isStatement(what)) {
      const statement = await context.withNode(({ client }) => client.statement(what))
      if (statement === undefined) {
        out.note(`rebuildnet: no statement ${what} is known here`)
        if (out.json) out.value(null)
        return EXIT.no
      }
      if (out.json) out.value(statement)
      else {
        out.facts([
          ['statement', statement.sid],
          ['kind', statement.kind],
          ['operator', statement.operator ?? '(unknown)'],
          ['key', statement.key],
          ['image', statement.image ?? '-'],
          ['summary', statement.summary],
          ...buildLogOf(statement, context.dataFolder),
        ])
        for (const line of JSON.stringify(statement.body, null, 2).split('\n')) out.line(line)
      }
      return EXIT.yes
    }
    const limit = Math.min(options.limit, MAX_LIMIT)
    const statements = await context.withNode(({ client }) =>
      client.log(what === undefined ? { limit } : { image: what, limit }),
    )
    if (out.json) out.value(statements)
    else if (statements.length === 0) out.note('this node has published nothing yet')
    else {
      out.table(
        ['statement', 'kind', 'image', 'what it says'],
        statements.map((each) => [shortSid(each.sid), each.kind, each.image ?? '-', each.summary]),
      )
    }
    return EXIT.yes
  })
}

function isStatement(what: string): boolean {
  return /^[0-9a-f]{8,64}$/.test(what) || what.includes('@')
}

/** Where the log of a rebuild is; those of other nodes are not here. */
function buildLogOf({ body }: StatementSummary, root: string): [string, string][] {
  const { logDigest } = body as { logDigest?: string }
  if (logDigest === undefined) return []
  const path = buildLogFile(dataFolder(root), logDigest)
  return [['build log', existsSync(path) ? path : 'not on this machine']]
}
