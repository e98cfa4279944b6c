/** What a builder's program prints when it is asked about itself. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { SYSTEM_PATH } from './sandbox.ts'

const TIMEOUT_MS = 20_000

/** Standard output, or undefined where the command fails or is not there. */
export async function printOf(
  [file = '', ...args]: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const options = { env: { PATH: SYSTEM_PATH }, timeout: TIMEOUT_MS, signal }
  const result = await promisify(execFile)(file, args, options).catch(() => undefined)
  return result?.stdout
}
