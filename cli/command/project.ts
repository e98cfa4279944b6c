import type { Command } from 'commander'
import type { Bind } from '../command-table.ts'
import { addExamples } from '../option.ts'
import { defineLint } from './project/lint.ts'
import { defineNew } from './project/new.ts'

export function define(command: Command, bind: Bind): void {
  command.description(
    'Project files: where an image comes from, how it is rebuilt, and whose announcements count. Needs no node and no data folder.',
  )
  addExamples(command, [
    'project new                                  # asks, and writes app.toml',
    'project lint app.toml --source .             # what of its inputs is not pinned',
    'project lint app.toml --ref refs/tags/v1.2.0',
  ])
  defineLint(command, bind)
  defineNew(command, bind)
}
