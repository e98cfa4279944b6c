/**
 * The protocol code that a simulation runs: the one in protocol/, or a copy with a fault in it.
 *
 * It is imported by Node itself, from its files, so that both are loaded in the same way.
 */
import { dirname, join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type * as openStatement from '../../protocol/open-statement.ts'
import type * as equivocation from '../../protocol/log/equivocation.ts'
import type * as head from '../../protocol/log/head.ts'
import type * as logBook from '../../protocol/log/log-book.ts'
import type * as logView from '../../protocol/log/log-view.ts'
import type * as ownLog from '../../protocol/log/own-log.ts'
import type * as client from '../../protocol/sync/client.ts'
import type * as server from '../../protocol/sync/server.ts'
import type * as syncBook from '../../protocol/sync/sync-book.ts'
import type * as decide from '../../protocol/verdict/decide.ts'

export type ProtocolCode = Pick<typeof openStatement, 'openStatement'> &
  Pick<typeof equivocation, 'openProof'> &
  Pick<typeof head, 'openHead' | 'signHead'> &
  Pick<typeof logBook, 'LogBook'> &
  Pick<typeof logView, 'createLogView'> &
  Pick<typeof ownLog, 'OwnLog'> &
  Pick<typeof client, 'syncClient'> &
  Pick<typeof server, 'serveSync'> &
  Pick<typeof syncBook, 'SyncBook'> &
  Pick<typeof decide, 'decide'>

const FILES = [
  'open-statement.ts',
  'log/equivocation.ts',
  'log/head.ts',
  'log/log-book.ts',
  'log/log-view.ts',
  'log/own-log.ts',
  'sync/client.ts',
  'sync/server.ts',
  'sync/sync-book.ts',
  'verdict/decide.ts',
] as const

/** `load` imports a module by its path below protocol/. */
export async function loadProtocolCode(
  load: (file: string) => Promise<unknown> = importOwn,
): Promise<ProtocolCode> {
  const modules = await Promise.all(FILES.map((file) => load(file)))
  return Object.assign({}, ...modules) as ProtocolCode
}

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

function importOwn(file: string): Promise<unknown> {
  return import(/* @vite-ignore */ pathToFileURL(join(root, 'protocol', file)).href)
}
