/** Options that every command has which makes a card. */
import type { Command } from 'commander'
import { DEFAULT_DRAFT } from './propose-card.ts'

export function addProposalOptions(command: Command): void {
  command
    .option('--root-key <file>', 'the root key, where it is not in the data folder: raw or SSH')
    .option(
      '--draft <file>',
      'where to write a draft that keys on other machines must sign',
      DEFAULT_DRAFT,
    )
    .option('--yes', 'do not ask')
}

export function addAnywayOption(command: Command): void {
  command.option(
    '--anyway',
    'also where others may have a newer card of this operator: two of one version support nothing where no policy pins one',
  )
}
