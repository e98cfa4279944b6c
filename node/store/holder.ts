/** Who has the store open: a file with its process id, for the message that another one is shown. */
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

function holderPath(directory: string): string {
  return join(directory, 'pid')
}

export async function writeHolder(directory: string): Promise<void> {
  await writeFile(holderPath(directory), `${process.pid}\n`, { mode: 0o600 })
}

export async function removeHolder(directory: string): Promise<void> {
  await rm(holderPath(directory), { force: true })
}

/** The process that holds it, as far as is known. The lock is LevelDB's; this only names it. */
export async function loadHolder(directory: string): Promise<number | undefined> {
  const text = await readFile(holderPath(directory), 'utf8').catch(() => '')
  const pid = /^([1-9][0-9]{0,9})\n$/.exec(text)?.[1]
  return pid === undefined ? undefined : Number(pid)
}
