/** Options that several commands share, and how their texts are read. */
import { Option, type Command } from 'commander'
import { parseDuration } from '../node/duration.ts'
import type { VerdictQuery } from '../node/http/node-service.ts'
import { CliError } from './cli-error.ts'

/** Collects an option that may be given several times. */
export function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value]
}

export function platformOption(what: string): Option {
  return new Option('--platform <os/arch>', what)
}

export function insecureOption(): Option {
  return new Option(
    '--insecure <host>',
    'registry (host[:port]) that may be plain http or a private address; may be repeated',
  ).argParser<readonly string[]>(collect)
}

/** What every command that asks about an image takes. */
export interface AskOptions {
  readonly platform?: string
  readonly insecure?: readonly string[]
}

export function askOptions(command: Command): void {
  command
    .addOption(
      platformOption('platform of an index; the one of this machine where absent, or "all"'),
    )
    .addOption(insecureOption())
}

export function verdictQuery(image: string, { platform, insecure }: AskOptions): VerdictQuery {
  return {
    image,
    ...(platform === undefined ? {} : { platform }),
    ...(insecure === undefined ? {} : { insecure }),
  }
}

/** Seconds of `90s`, `10m`, `48h`, `7d`. */
export function durationArgument(text: string): number {
  const seconds = parseDuration(text)
  if (seconds !== undefined) return seconds
  throw new CliError('usage', `"${text}" is no duration: write 90s, 10m, 48h or 7d`)
}

export function countArgument(text: string): number {
  if (/^[1-9][0-9]{0,5}$/.test(text)) return Number(text)
  throw new CliError('usage', `"${text}" is no number from 1 on`)
}

/** `name=value` pairs as a record. */
export function parsePairs(pairs: readonly string[]): Record<string, string> {
  const claims = new Map<string, string>()
  for (const pair of pairs) {
    const at = pair.indexOf('=')
    if (at <= 0) {
      throw new CliError('usage', `"${pair}" is no claim: write name=value, such as country=DE`)
    }
    const name = pair.slice(0, at)
    if (claims.has(name)) {
      throw new CliError('usage', `the claim "${name}" is given twice: give it once`)
    }
    claims.set(name, pair.slice(at + 1))
  }
  return Object.fromEntries(claims)
}

export function addExamples(command: Command, examples: readonly string[]): void {
  command.addHelpText(
    'after',
    `\nExamples:\n${examples.map((each) => `  $ rebuildnet ${each}`).join('\n')}`,
  )
}
