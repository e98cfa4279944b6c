/**
 * The images that a Dockerfile reads, as far as they can be known before it is built.
 *
 * A line reader and not a builder: continuation lines, comments, the escape directive, here
 * documents, and ARG and ENV substitution as the Dockerfile reference has them. Whatever might
 * name an image and cannot be resolved is an error, since it could name anything.
 */
import { BuildError } from './build-error.ts'

export interface Instruction {
  /** Upper case. */
  readonly keyword: string
  /** Leading `--name=value` words. */
  readonly flags: readonly string[]
  /** What follows them, as it is written. */
  readonly rest: string
  /** Line of its first character, from 1. */
  readonly line: number
}

export interface Dockerfile {
  readonly escape: string
  readonly instructions: readonly Instruction[]
  /** Image of a `# syntax=` line. */
  readonly syntax: string | undefined
}

const MAX_DOCKERFILE_CHARACTERS = 1024 * 1024

export function parseDockerfile(text: string): Dockerfile {
  if (text.length > MAX_DOCKERFILE_CHARACTERS) {
    throw new BuildError('dockerfile-invalid', 'the Dockerfile is over 1 MiB')
  }
  const lines = text.replace(/^\uFEFF/, '').split(/\r?\n/)
  const { escape, syntax } = readDirectives(lines)
  const instructions: Instruction[] = []
  for (let at = 0; at < lines.length; at++) {
    const first = lines[at] ?? ''
    if (isBlank(first) || isComment(first)) continue
    const line = at + 1
    let logical = ''
    for (;;) {
      const part = lines[at] ?? ''
      // Comments and blank lines between continuation lines are dropped.
      const skipped = logical !== '' && (isBlank(part) || isComment(part))
      const continued = skipped || part.trimEnd().endsWith(escape)
      if (!skipped) logical += continued ? part.trimEnd().slice(0, -1) : part
      if (!continued || at + 1 >= lines.length) break
      at++
    }
    const instruction = readInstruction(logical, line)
    if (instruction === undefined) continue
    instructions.push(instruction)
    at += hereDocumentLines(instruction, lines, at + 1)
  }
  return { escape, instructions, syntax }
}

function isBlank(line: string): boolean {
  return line.trim() === ''
}

function isComment(line: string): boolean {
  return line.trimStart().startsWith('#')
}

/** Parser directives: `# name=value` lines before everything else. */
function readDirectives(lines: readonly string[]): { escape: string; syntax: string | undefined } {
  let escape = '\\'
  let syntax: string | undefined
  for (const line of lines) {
    const [, name, value] = /^\s*#\s*([A-Za-z]+)\s*=\s*(.*?)\s*$/.exec(line) ?? []
    if (name === undefined || value === undefined) break
    if (name.toLowerCase() === 'escape' && value === '`') escape = value
    if (name.toLowerCase() === 'syntax') syntax = value
  }
  return { escape, syntax }
}

function readInstruction(text: string, line: number): Instruction | undefined {
  const [, keyword, after = ''] = /^\s*([A-Za-z]+)(?:\s+([^]*))?$/.exec(text) ?? []
  if (keyword === undefined) return undefined
  const flags: string[] = []
  let rest = after.trim()
  for (;;) {
    const flag = /^--[A-Za-z-]+(?:=(?:"[^"]*"|'[^']*'|\S)*)?(?=\s|$)/.exec(rest)?.[0]
    if (flag === undefined) break
    flags.push(flag.replaceAll(/["']/g, ''))
    rest = rest.slice(flag.length).trimStart()
  }
  // ONBUILD runs its instruction in the stages that start from this one.
  if (keyword.toUpperCase() === 'ONBUILD') return readInstruction(rest, line)
  return { keyword: keyword.toUpperCase(), flags, rest, line }
}

/** How many lines after an instruction belong to its here documents. */
function hereDocumentLines(
  { keyword, rest }: Instruction,
  lines: readonly string[],
  from: number,
): number {
  if (!['RUN', 'COPY', 'ADD'].includes(keyword)) return 0
  let at = from
  for (const [, dash, , word] of rest.matchAll(/<<(-?)(["']?)([A-Za-z_][A-Za-z0-9_]*)\2/g)) {
    const start = at
    const ends = (line: string): boolean => (dash === '-' ? line.trimStart() : line) === word
    while (at < lines.length && !ends(lines[at] ?? '')) at++
    // A builder without here documents reads these lines as instructions: so do we, then.
    if (at >= lines.length) return start - from
    at++
  }
  return at - from
}

/** The value of each variable; absent: not known here. */
export type Variables = ReadonlyMap<string, string>

/**
 * Substitutes `$NAME`, `${NAME}`, `${NAME:-word}` and `${NAME:+word}` (with and without the colon).
 * Undefined where a variable is not known or a form is not one of these.
 */
export function substitute(text: string, variables: Variables, escape = '\\'): string | undefined {
  let out = ''
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at)
    if (char === escape && text.charAt(at + 1) === '$') {
      out += '$'
      at++
      continue
    }
    if (char !== '$') {
      out += char
      continue
    }
    const [whole, plain, braced, colon, sign, word] =
      /^\$(?:([A-Za-z_][A-Za-z0-9_]*)|\{([A-Za-z_][A-Za-z0-9_]*)(?:(:?)([-+])([^{}$]*))?\})/.exec(
        text.slice(at),
      ) ?? []
    const name = plain ?? braced
    if (whole === undefined || name === undefined) return undefined
    const value = variables.get(name)
    const present = value !== undefined && (colon !== ':' || value !== '')
    if (sign === '-') out += present ? value : (word ?? '')
    else if (sign === '+') out += present ? (word ?? '') : ''
    else if (value === undefined) return undefined
    else out += value
    at += whole.length - 1
  }
  return out
}

/** `NAME=value` words of ARG and ENV, quotes taken off; a bare NAME has no value. */
export function readAssignments(rest: string): readonly (readonly [string, string | undefined])[] {
  const out: (readonly [string, string | undefined])[] = []
  for (const [, name = '', , value] of rest.matchAll(
    /([A-Za-z_][A-Za-z0-9_]*)(=((?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])*))?(?=\s|$)/g,
  )) {
    out.push([name, value?.replaceAll(/^["']|["']$/g, '')])
  }
  return out
}
