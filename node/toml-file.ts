/** TOML text to a plain value, with errors that name the file and the line. */
import { readFile } from 'node:fs/promises'
import { parse, TomlError } from 'smol-toml'
import { ConfigError } from './config-error.ts'
import { lineOf, type TomlPath } from './toml-place.ts'

const MAX_TOML_BYTES = 256 * 1024

export function parseToml(text: string, where: string): Record<string, unknown> {
  if (Buffer.byteLength(text) > MAX_TOML_BYTES) {
    throw new ConfigError('syntax', `${where} is over ${MAX_TOML_BYTES / 1024} KiB`)
  }
  const table = parsed(text, where)
  const date = dateIn(table, [])
  if (date === undefined) return table
  // An object like any other to whoever checks it, that would be told to lack the keys of one.
  throw new ConfigError(
    'syntax',
    `${placeIn(where, text, date)}: "${date.join('.')}" is a date of TOML, which no setting is: write a number of seconds, or put it in quotes`,
  )
}

function parsed(text: string, where: string): Record<string, unknown> {
  try {
    return parse(text)
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    const reason = cause.message.split('\n')[0] ?? 'not TOML'
    throw new ConfigError('syntax', `${where}:${cause.line}: ${tidy(reason)}`, { cause })
  }
}

/** Where the first date is; undefined where there is none. */
function dateIn(value: unknown, path: TomlPath): TomlPath | undefined {
  if (value instanceof Date) return path
  if (typeof value !== 'object' || value === null) return undefined
  const entries = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  for (const [key, each] of entries) {
    const found = dateIn(each, [...path, key])
    if (found !== undefined) return found
  }
  return undefined
}

/** `FILE:LINE` of a key, or FILE alone where the line is not known: what an error begins with. */
export function placeIn(where: string, text: string, path: TomlPath): string {
  const line = lineOf(text, path)
  return line === undefined ? where : `${where}:${line}`
}

/** The parser names itself first. */
function tidy(reason: string): string {
  return reason.replace(/^Invalid TOML document: /, '')
}

/** The text of a file, or undefined where there is none. */
export async function readOptional(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw new ConfigError('syntax', `${path} cannot be read: ${(error as Error).message}`, {
      cause: error,
    })
  }
}
