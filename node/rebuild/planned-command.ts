/** Commands of a plan that a person can run: they write files, set variables, go on in the background. */

export interface PlannedFile {
  readonly path: string
  readonly text: string
  readonly mode: number
}

const WRITE = 'printf %s "$2" > "$1" && chmod "$3" "$1"'

/** Commands that write files into folders that are there; a person sees what stands in them. */
export function writeCommands(files: readonly PlannedFile[]): readonly (readonly string[])[] {
  return files.map(({ path, text, mode }) => [
    ...['sh', '-c', WRITE, 'write'],
    ...[path, text, mode.toString(8)],
  ])
}

/** The argv that runs another one with these variables alone, in a folder. */
export function withEnvironment(
  environment: Readonly<Record<string, string>>,
  argv: readonly string[],
  folder?: string,
): readonly string[] {
  const given = Object.entries(environment).map(([key, value]) => `${key}=${value}`)
  return ['env', ...(folder === undefined ? [] : ['-C', folder]), '-i', ...given, ...argv]
}

/** The argv of what goes on beside those that follow. */
export function inBackground(argv: readonly string[]): readonly string[] {
  return ['sh', '-c', '"$@" &', 'start', ...argv]
}
