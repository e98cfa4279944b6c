/**
 * Which program inflates gzip: the built-in one, or a faster one of the system, where it is
 * installed. The results are the same (outside-decoder.ts).
 */
import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, isAbsolute, join } from 'node:path'
import { ImageError } from './image-error.ts'

export const INFLATERS = ['auto', 'builtin', 'igzip'] as const

export type Inflater = (typeof INFLATERS)[number]

/** Of Debian's package `isal`. */
const PROGRAM = 'igzip'

/**
 * The path of the program, undefined for the built-in inflater: as asked for, else as
 * `REBUILDNET_INFLATER` says, else `auto`. Throws ImageError `inflater-missing` where one is wanted
 * that is not installed, `inflater-unknown` where the environment names none that we know.
 */
export async function chooseInflater(
  wanted: Inflater | undefined,
  environment: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const inflater = wanted ?? readEnvironment(environment.REBUILDNET_INFLATER ?? '')
  if (inflater === 'builtin') return undefined
  for (const folder of (environment.PATH ?? '').split(delimiter).filter(isAbsolute)) {
    const path = join(folder, PROGRAM)
    if (await isProgram(path)) return path
  }
  if (inflater === 'auto') return undefined
  throw new ImageError(
    'inflater-missing',
    `${PROGRAM} is not installed: install it (Debian: apt-get install isal), or use --inflater builtin`,
  )
}

function readEnvironment(text: string): Inflater {
  if (text === '') return 'auto'
  const found = INFLATERS.find((name) => name === text)
  if (found !== undefined) return found
  throw new ImageError(
    'inflater-unknown',
    `REBUILDNET_INFLATER is "${text}": set it to one of ${INFLATERS.join(', ')}`,
  )
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}
