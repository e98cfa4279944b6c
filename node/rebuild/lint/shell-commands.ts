/**
 * The simple commands of a shell text, as far as reading them can tell.
 *
 * Quotes, escapes, lists, pipes, groups and substitutions are seen; nothing is expanded. What is
 * quoted stays one word with its quotes taken off, so that `bash -c "…"` is a command of three words.
 */

export interface ShellCommand {
  /** The program first; assignments before it are left out. */
  readonly words: readonly string[]
  /** Line of its first character. */
  readonly line: number
  /** Whether its output goes into the next command. */
  readonly piped: boolean
}

/** A text of which each character knows its line. */
export interface ShellText {
  readonly text: string
  /** The line of each character of `text`. */
  readonly lines: readonly number[]
}

const SEPARATORS = new Set([';', '&', '|', '\n', '(', ')', '`'])
/** Words after which another command begins. */
const LEADING = new Set([
  'if',
  'then',
  'else',
  'elif',
  'do',
  'while',
  'until',
  '!',
  '{',
  '}',
  'time',
])
/** Programs that run the rest of their words; options of theirs are skipped. */
const WRAPPERS = new Set(['exec', 'command', 'env', 'sudo', 'nice', 'eatmydata', 'xargs'])

export function readCommands({ text, lines }: ShellText): readonly ShellCommand[] {
  const commands: ShellCommand[] = []
  let words: string[] = []
  let word: string | undefined
  let line: number | undefined
  let quote = ''
  const endWord = (): void => {
    if (word !== undefined) words.push(word)
    word = undefined
  }
  const endCommand = (piped: boolean): void => {
    endWord()
    const program = programWords(words)
    if (program.length > 0) commands.push({ words: program, line: line ?? 0, piped })
    words = []
    line = undefined
  }
  for (let at = 0; at < text.length; at++) {
    const char = text.charAt(at)
    if (quote !== '') {
      if (char === quote) quote = ''
      else word = (word ?? '') + char
    } else if (char === '"' || char === "'") {
      quote = char
      word ??= ''
      line ??= lines[at]
    } else if (char === '\\') {
      at++
      word = (word ?? '') + text.charAt(at)
    } else if (SEPARATORS.has(char) || (char === '$' && text.charAt(at + 1) === '(')) {
      const doubled = text.charAt(at + 1) === char
      endCommand(char === '|' && !doubled)
      if (doubled || char === '$') at++
    } else if (/\s/.test(char)) {
      endWord()
    } else {
      word = (word ?? '') + char
      line ??= lines[at]
    }
  }
  endCommand(false)
  return commands
}

/** Without what stands before the program: assignments, keywords, and programs that run others. */
function programWords(words: readonly string[]): readonly string[] {
  let at = 0
  for (; at < words.length; at++) {
    const word = words[at] ?? ''
    if (LEADING.has(word) || /^[A-Za-z_][A-Za-z0-9_]*=/.test(word)) continue
    if (!WRAPPERS.has(baseName(word))) break
    while ((words[at + 1] ?? '').startsWith('-')) at++
  }
  const rest = words.slice(at)
  // `: "a comment"` does nothing.
  return rest[0] === ':' ? [] : rest
}

/** `curl` of `/usr/bin/curl`. */
export function baseName(word: string): string {
  return word.slice(word.lastIndexOf('/') + 1)
}

/** Words that are no options, after the program. */
export function operands({ words }: ShellCommand): readonly string[] {
  return words.slice(1).filter((word) => !word.startsWith('-'))
}

export function hasOption({ words }: ShellCommand, ...names: readonly string[]): boolean {
  return words.some((word) => names.some((name) => word === name || word.startsWith(`${name}=`)))
}
