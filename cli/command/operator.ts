import type { Command } from 'commander'
import type { Bind } from '../command-table.ts'
import { addExamples } from '../option.ts'
import { defineImport } from './operator/import.ts'
import { defineJoin } from './operator/join.ts'
import { defineRenew } from './operator/renew.ts'
import { defineRevoke } from './operator/revoke.ts'
import { defineRotate } from './operator/rotate.ts'
import { defineShow } from './operator/show.ts'
import { defineSign } from './operator/sign.ts'

export function define(command: Command, bind: Bind): void {
  command.description(
    'The own operator card: which keys sign for you, and until when. One operator has one vote, however many nodes.',
  )
  addExamples(command, [
    'operator show',
    'operator renew                          # 180 days more',
    'operator join ada.card                  # on a second machine: makes its key, and a draft',
    'operator sign operator.draft            # where the root key is: signs what was asked for',
    'operator import ada.card                # on the second machine: takes the card',
    'operator rotate                         # a new signing key; --root or --ssh-root FILE: a new root key',
    'operator revoke KEY                     # a stolen key: nothing counts that it signs from here on',
  ])
  for (const defineOne of [
    defineShow,
    defineRenew,
    defineJoin,
    defineSign,
    defineImport,
    defineRotate,
    defineRevoke,
  ]) {
    defineOne(command, bind)
  }
}
