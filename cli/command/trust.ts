import type { Command } from 'commander'
import type { OperatorSummary, TrustRequest } from '../../node/http/trust-summary.ts'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { parseBase64 } from '../../protocol/bytes.ts'
import { openStatement } from '../../protocol/open-statement.ts'
import { StatementError } from '../../protocol/statement-error.ts'
import { rewording } from '../api/api-error.ts'
import type { Bind } from '../command-table.ts'
import { CliError } from '../cli-error.ts'
import { EXIT } from '../exit-code.ts'
import { MAX_CARD_FILE_BYTES, parseCardFile } from '../card-file.ts'
import { addExamples, collect } from '../option.ts'
import { requireName } from '../operator/require-name.ts'
import { readNamedFile } from '../read-file.ts'
import { bad, faint, good, strong, warn } from '../terminal/style.ts'
import { timeWords } from '../terminal/words.ts'
import { defineTrustExport } from './trust/export.ts'
import { defineTrustImport } from './trust/import.ts'

interface AddOptions {
  readonly name?: string
  readonly group?: readonly string[]
  readonly pin?: boolean
}

const TROUBLE = {
  'two-histories': 'told two histories: nothing that it signs counts for an image',
  'two-cards': 'two cards of one version: ask which is right, and trust add CARD --pin',
  'pin-missing': 'the pinned card is not here',
} as const

const OPERATOR_ID = /^op1[a-z2-7]{52}$/

export function define(command: Command, bind: Bind): void {
  command.description(
    'Whose rebuilds count. Nothing is trusted by default; the policy is policy.toml in the data folder.',
  )
  addExamples(command, [
    'trust add ada.card --group eu',
    'trust add op1… --name Ada',
    'trust ls',
    'trust rm op1…',
    'trust import eu.toml --signer SHA256:…   # a list that somebody has signed',
    'trust export mine.toml --list "my rebuilders"',
  ])
  defineList(command, bind)
  defineAdd(command, bind)
  defineTrustImport(command, bind)
  defineTrustExport(command, bind)

  const rm = command
    .command('rm')
    .summary('trust one no longer')
    .description('Takes an operator out of the policy.')
    .argument('<operator>', 'its id')
  bind(rm, async ({ context, args: [operator = ''] }) => {
    await context.withNode(({ client }) => client.untrust(operator))
    if (context.json) context.out.value({ removed: operator })
    else context.out.line(`no longer trusting ${operator}`)
    return EXIT.yes
  })
}

function defineList(command: Command, bind: Bind): void {
  const ls = command
    .command('ls')
    .summary('who they are')
    .description('Operators of the policy, and what they say of themselves.')
    .option('--all', 'also those that are known but not trusted')
  bind<{ readonly all?: boolean }>(ls, async ({ context, options }) => {
    const known = await context.withNode(({ client }) => client.operators())
    const shown = known.filter((operator) => operator.trusted || options.all === true)
    const { out } = context
    if (out.json) out.value(shown)
    else if (shown.length === 0) out.note('nobody is trusted yet: rebuildnet trust add CARD')
    else {
      out.table(
        ['trusted', 'operator', 'name', 'groups', 'card until', 'says of itself'],
        shown.map((operator) => [
          operator.trusted ? good('yes') : bad('no'),
          operator.id,
          `${operator.name ?? '-'}${operator.self ? ' (this node)' : ''}`,
          operator.groups.join(', '),
          operator.trouble !== null
            ? bad(TROUBLE[operator.trouble])
            : operator.expires === null
              ? faint('no card yet')
              : timeWords(operator.expires),
          [
            ...(operator.contact === null ? [] : [operator.contact]),
            ...Object.entries(operator.claims).map(([name, value]) => `${name}=${value}`),
          ].join(' '),
        ]),
      )
    }
    return EXIT.yes
  })
}

function defineAdd(command: Command, bind: Bind): void {
  const add = command
    .command('add')
    .summary('trust one more')
    .description('Adds an operator to the policy, by its card or its id.')
    .argument('<card>', 'card file, as "rebuildnet card FILE" writes it, or an operator id')
    .option('--name <name>', 'what you call it; the name on its card where absent')
    .option(
      '--group <group>',
      'what it shares with others: owner, country…; may be repeated',
      collect,
    )
    .option('--pin', 'believe this very card, where there are two of one version')
  bind<AddOptions>(add, async ({ context, options, args: [given = ''] }) => {
    if (options.name !== undefined) requireName(options.name)
    const request: TrustRequest = {
      ...(await whom(given)),
      ...(options.name === undefined ? {} : { name: options.name }),
      ...(options.group === undefined ? {} : { groups: options.group }),
      ...(options.pin === undefined ? {} : { pin: options.pin }),
    }
    const { operator, namesakes } = await context.withNode(async ({ client }) => {
      const trusted = await client.trust(request).catch(unbelieved(given))
      const known = await client.operators()
      return { operator: trusted, namesakes: namesakesOf(trusted, known) }
    })
    for (const { id } of namesakes) {
      context.out.note(
        warn(`you trust another operator of the name "${operator.name ?? ''}": ${id}`),
        ': if both are meant, tell them apart with --name',
      )
    }
    const version = versionOf(request)
    if (version !== undefined && version < (operator.version ?? 0)) {
      context.out.note(
        warn(`this is card ${version}, and card ${operator.version} of this operator is known`),
        ': the newer one counts',
      )
    }
    if (context.json) context.out.value(operator)
    else
      context.out.line('trusting ', strong(operator.name ?? operator.id), faint(`  ${operator.id}`))
    return EXIT.yes
  })
}

function namesakesOf(
  { id, name }: OperatorSummary,
  known: readonly OperatorSummary[],
): readonly OperatorSummary[] {
  if (name === null) return []
  return known.filter((each) => each.trusted && each.id !== id && each.name === name)
}

/** Of the card that was given: only to warn, since the node has judged it. */
function versionOf({ card, pin }: TrustRequest): number | undefined {
  const bytes = card === undefined || pin === true ? undefined : parseBase64(card)
  if (bytes === undefined) return undefined
  try {
    const { body } = openStatement(bytes, nodeCrypto)
    return body.kind === 'operator' ? body.version : undefined
  } catch (error) {
    if (error instanceof StatementError) return undefined
    throw error
  }
}

/** A card whose bytes are wrong: which file that is, and what to do. */
function unbelieved(given: string): (error: unknown) => never {
  if (OPERATOR_ID.test(given)) return rewording((message) => message)
  return rewording(
    (message) => `${given} is not trusted: ${message}: ask its operator for it again`,
  )
}

async function whom(given: string): Promise<TrustRequest> {
  if (OPERATOR_ID.test(given)) return { operator: given }
  if (given.startsWith('op1')) {
    throw new CliError('usage', `"${given}" is no operator id: it is op1 and 52 characters`)
  }
  return parseCardFile(await readNamedFile(given, MAX_CARD_FILE_BYTES), given)
}
