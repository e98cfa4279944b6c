/**
 * The shell text of a RUN instruction with the lines of the file, here documents included: a
 * finding names the line of the command, not that of the instruction around it.
 */
import type { Dockerfile, Instruction } from '../dockerfile.ts'
import type { ShellText } from './shell-commands.ts'

/** `next` is the line of the instruction after this one, or the number of lines and one more. */
export function runText(
  lines: readonly string[],
  { escape }: Pick<Dockerfile, 'escape'>,
  instruction: Instruction,
  next: number,
): ShellText {
  // The exec form is a list of words.
  const exec = readExecForm(instruction.rest)
  if (exec !== undefined) {
    const text = exec.map((word) => JSON.stringify(word)).join(' ')
    return { text, lines: new Array<number>(text.length).fill(instruction.line) }
  }
  let text = ''
  const at: number[] = []
  for (let line = instruction.line; line < next; line++) {
    const raw = lines[line - 1] ?? ''
    if (/^\s*(?:#|$)/.test(raw)) continue
    const part = line === instruction.line ? raw.replace(/^\s*(?:ONBUILD\s+)?RUN\b/i, '') : raw
    const joined = part.trimEnd().endsWith(escape)
    // An escape character at the end of the line joins it to the next one.
    const piece = joined ? `${part.trimEnd().slice(0, -1)} ` : `${part}\n`
    text += piece
    while (at.length < text.length) at.push(line)
  }
  // Flags of the instruction are no words of a command.
  const flags = /^(?:\s*--[a-z-]+(?:=(?:"[^"]*"|'[^']*'|\S)*)?(?=\s))+/i.exec(text)?.[0].length ?? 0
  return { text: text.slice(flags), lines: at.slice(flags) }
}

function readExecForm(rest: string): readonly string[] | undefined {
  if (!rest.startsWith('[')) return undefined
  try {
    const words: unknown = JSON.parse(rest)
    return Array.isArray(words) && words.every((word) => typeof word === 'string')
      ? words
      : undefined
  } catch {
    return undefined
  }
}
