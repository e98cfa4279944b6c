/** Which Node this program needs. Imports nothing: it must load on any Node that has modules. */

const MIN_MAJOR = 22
const MIN_MINOR = 18

/** One line that says what is needed, or undefined where `version` will do. */
export function complainAboutNode(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > MIN_MAJOR || (major === MIN_MAJOR && minor >= MIN_MINOR)) return undefined
  return `rebuildnet: needs Node ${MIN_MAJOR}.${MIN_MINOR} or later, this is ${version}: install a newer one from https://nodejs.org or your package manager`
}
