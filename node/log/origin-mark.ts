/**
 * Beside the keys, outside of the store: the number of the newest log that was opened under the key.
 *
 * It is written before the first head of a log is signed. A store that was lost, or moved away, is
 * then no reason to begin a log again that others hold the end of.
 */
import { readFile } from 'node:fs/promises'
import type { KeyHex, OperatorId } from '../../protocol/identifiers.ts'
import { writeFileAtomic } from '../atomic-file.ts'
import { ConfigError } from '../config-error.ts'

const FORMAT = /^rebuildnet log (op1[a-z2-7]{52}) ([0-9a-f]{64}) ([0-9]{1,5})\n$/

export interface OwnKey {
  readonly operator: OperatorId
  readonly key: KeyHex
}

/** Undefined where no log was ever opened under this key by this operator. */
export async function loadOriginMark(path: string, own: OwnKey): Promise<number | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  })
  if (text === undefined) return undefined
  const [, operator, key, n] = FORMAT.exec(text) ?? []
  if (n === undefined) {
    throw new ConfigError(
      'bad-value',
      `${path} is damaged: write "rebuildnet log ${own.operator} ${own.key} NUMBER" into it, with the number of this key's newest log, or a larger one`,
    )
  }
  return operator === own.operator && key === own.key ? Number(n) : undefined
}

export async function writeOriginMark(path: string, own: OwnKey, n: number): Promise<void> {
  await writeFileAtomic(path, `rebuildnet log ${own.operator} ${own.key} ${n}\n`)
}
