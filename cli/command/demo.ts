import type { Command } from 'commander'
import { CliError } from '../cli-error.ts'
import type { Bind } from '../command-table.ts'
import { addExamples } from '../option.ts'

interface Options {
  readonly json: boolean
  readonly install: boolean
  readonly keep?: boolean
}

export function define(command: Command, bind: Bind): void {
  command
    .description(
      'Runs the main job on this machine: a registry, one announcer, four rebuilders and one user, each a process of its own, and three releases: an honest one, one that was tampered with, and one that does not reproduce. Exits 0 if each gets the verdict that it must.',
    )
    .option('--no-install', 'do not install system packages that are missing')
    .option('--keep', 'leave the folders for a look afterwards')
  addExamples(command, ['demo', 'demo --no-install --json'])
  bind<Options>(command, async ({ options }) => {
    const [{ runDemo }, { MissingToolsError }] = await Promise.all([
      import('../demo/demo.ts'),
      import('../../node/system/packages.ts'),
    ])
    const { json, install, keep = false } = options
    try {
      return await runDemo({ json, install, keep })
    } catch (error) {
      if (!(error instanceof MissingToolsError)) throw error
      throw new CliError('not-available', error.message, { cause: error })
    }
  })
}
