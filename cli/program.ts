/** The command line as a whole: which command is called, and what comes of it. */
import { Command, CommanderError, Help, Option } from 'commander'
import { CliError } from './cli-error.ts'
import { COMMANDS, type Bind } from './command-table.ts'
import { Context, type GlobalOptions, type Io } from './context.ts'
import { EXIT } from './exit-code.ts'
import { stackOf, toFailure } from './failure.ts'
import { Output } from './terminal/output.ts'

const EPILOGUE = `
Exit codes: 0 yes, same or done; 1 no or differs; 2 error; 3 undecided.
Data folder: --data, else REBUILDNET_DATA, else $XDG_DATA_HOME/rebuildnet (~/.local/share/rebuildnet).
"rebuildnet COMMAND --help" tells more, with examples.`

const HELP = {
  showGlobalOptions: true,
  optionDescription: (option: Option): string => {
    const description = new Help().optionDescription(option)
    return option.mandatory ? `${description} (required)` : description
  },
}

/** Runs one command line to its end and returns the exit code. */
export async function runProgram(argv: readonly string[], io: Io): Promise<number> {
  if (argv[0] === '--version' || argv[0] === '-V') {
    const { VERSION } = await import('../node/version.ts')
    io.stdout.write(`${VERSION}\n`)
    return EXIT.yes
  }
  let exitCode: number = EXIT.yes
  const bind: Bind = (command, action) => {
    command.action(async () => {
      const options = command.optsWithGlobals<GlobalOptions>()
      const context = new Context(io, options)
      const args = command.processedArgs as (string | undefined)[]
      refuseEmpty(command, args)
      exitCode = await action({ context, options: options as never, args })
    })
  }
  try {
    const program = await createProgram(argv, io, bind)
    await program.parseAsync(argv, { from: 'user' })
    return exitCode
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.yes
    report(error, argv, io)
    return EXIT.error
  }
}

async function createProgram(argv: readonly string[], io: Io, bind: Bind): Promise<Command> {
  const program = new Command('rebuildnet')
    .description(
      'Independent nodes rebuild container images, sign what they got, and let you ask for consensus before you pull.',
    )
    .addOption(new Option('--data <folder>', 'data folder of the node'))
    .addOption(new Option('--json', 'one JSON value on standard output').default(false, 'off'))
    .addHelpText('after', EPILOGUE)
    .helpOption('-h, --help', 'show this help')
  prepare(program, io)
  // It is read above: as an option of the program it would take that of "announce" for its own.
  program.configureHelp({
    ...HELP,
    visibleOptions: (command) => [
      ...new Help().visibleOptions(command),
      new Option('-V, --version', 'show the version'),
    ],
  })
  for (const { name, group, summary, load } of COMMANDS) {
    const command = program.command(name).summary(summary).helpGroup(group)
    prepare(command, io)
    if (!argv.includes(name)) continue
    const module = await load()
    module.define(command, bind)
    for (const child of command.commands) prepare(child, io)
  }
  return program
}

function prepare(command: Command, io: Io): void {
  command
    .exitOverride((error) => {
      throw Object.assign(error, { command: nameOf(command) })
    })
    .configureHelp(HELP)
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      // What is wrong with a call is reported with every other error.
      outputError: () => undefined,
    })
}

function report(error: unknown, argv: readonly string[], io: Io): void {
  const out = new Output(io.stdout, io.stderr, {
    json: argv.includes('--json'),
    environment: io.environment,
  })
  const failure = toFailure(asUsage(error))
  // Help that was shown because nothing was asked is its own message.
  const isHelp = error instanceof CommanderError && error.code === 'commander.help'
  out.progress('')
  if (!isHelp) out.note(`rebuildnet: ${failure.message}`)
  if (out.json) out.value({ error: failure })
  const stack = (io.environment.REBUILDNET_DEBUG ?? '') === '' ? undefined : stackOf(error)
  if (stack !== undefined) for (const line of stack.split('\n')) out.note(line)
}

function asUsage(error: unknown): unknown {
  if (!(error instanceof CommanderError)) return error
  const [said = '', suggested] = error.message.replace(/^error: /, '').split(/\n?\(Did you mean /)
  if (suggested !== undefined) {
    return new CliError('usage', `${said}: did you mean ${suggested.replace(/\?\)$/, '?')}`)
  }
  const { command = 'rebuildnet' } = error as { readonly command?: string }
  return new CliError(
    'usage',
    `${said.replaceAll('\n', ' ').replace(/\.$/, '')}; see "${command} --help"`,
  )
}

/** An empty argument is mostly a variable that a script forgot to set. */
function refuseEmpty(command: Command, args: readonly (string | undefined)[]): void {
  const empty = command.registeredArguments.find((_, index) => args[index] === '')
  if (empty === undefined) return
  throw new CliError(
    'usage',
    `the argument '${empty.name()}' is empty; see "${nameOf(command)} --help"`,
  )
}

/** `rebuildnet trust add`. */
function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`
}
