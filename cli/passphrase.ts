/** A passphrase from a file, or from the terminal, where it is not shown. */
import type { Command } from 'commander'
import { CliError } from './cli-error.ts'
import type { Context } from './context.ts'
import { readNamedFile } from './read-file.ts'

const MAX_PASSPHRASE_BYTES = 4096

export interface PassphraseOptions {
  readonly passphraseFile?: string
}

export function passphraseOption(command: Command): void {
  command.option('--passphrase-file <file>', 'a file whose first line is the passphrase')
}

/** The first line of the file that was named; undefined where none was. */
export async function readPassphrase({
  passphraseFile: file,
}: PassphraseOptions): Promise<string | undefined> {
  if (file === undefined) return undefined
  const text = (await readNamedFile(file, MAX_PASSPHRASE_BYTES)).toString('utf8')
  const [line = '', ...more] = text.replace(/\r?\n$/, '').split(/\r?\n/)
  if (more.length > 0) {
    throw new CliError('file', `${file} has more than one line: a passphrase is one`)
  }
  if (line !== '') return line
  throw new CliError('file', `${file} is empty: write the passphrase into it, in one line`)
}

/** A new passphrase, asked for twice. `weakness` is the end of "the passphrase …". */
export async function askNewPassphrase(
  context: Context,
  weakness: (passphrase: string) => string | undefined,
): Promise<string> {
  const instead = 'a backup needs a passphrase: ask in a terminal, or add --passphrase-file FILE'
  const check = (value: string): string | undefined => {
    const why = weakness(value)
    return why === undefined ? undefined : `It ${why}: take a longer one.`
  }
  const first = await context.askSecret('Which passphrase is to protect it?', instead, check)
  if (first === undefined)
    throw new CliError('usage', 'nothing was written: no passphrase was given')
  const second = await context.askSecret('The same again?', instead)
  if (second === first) return first
  throw new CliError('usage', 'nothing was written: the two passphrases differ')
}

export async function askPassphrase(context: Context, file: string): Promise<string> {
  const instead = `${file} is encrypted: ask in a terminal, or add --passphrase-file FILE`
  const given = await context.askSecret(`Which passphrase opens ${file}?`, instead)
  if (given !== undefined) return given
  throw new CliError('usage', 'nothing was restored: no passphrase was given')
}
