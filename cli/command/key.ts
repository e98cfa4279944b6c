import type { Command } from 'commander'
import type { Bind } from '../command-table.ts'
import { addExamples } from '../option.ts'
import { defineBackup } from './key/backup.ts'
import { defineRestore } from './key/restore.ts'
import { defineShow } from './key/show.ts'

export function define(command: Command, bind: Bind): void {
  command.description(
    'The keys of this node. Whoever has signing.key can speak as you; who loses it speaks no more.',
  )
  addExamples(command, [
    'key show',
    'key backup ~/ada.backup                 # asks for a passphrase',
    'key backup ~/ada.backup --with-root     # the root key as well: keep this one off the machine',
    'key restore ~/ada.backup --data ~/new   # a fresh data folder from it',
  ])
  for (const defineOne of [defineBackup, defineRestore, defineShow]) defineOne(command, bind)
}
