import { CliError } from '../cli-error.ts'

/** How many entries of a log: 0 is none of them. */
export function sizeArgument(text: string): number {
  if (/^(?:0|[1-9][0-9]{0,5})$/.test(text)) return Number(text)
  throw new CliError('usage', `"${text}" is no number of log entries`)
}
