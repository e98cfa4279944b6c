/**
 * Where a project's source is: `git+https://host/path`, or `git+http`, `git+file` where a user
 * allows these for a host. No credentials, query or fragment, and one spelling.
 */
const MAX_SOURCE_URL_BYTES = 512

const REMOTE =
  /^git\+https?:\/\/([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?(\/[A-Za-z0-9._~%+@-]+)+\/?$/
const LOCAL = /^git\+file:\/\/(\/[A-Za-z0-9._~%+@-]+)+$/

export function isSourceUrl(text: string): boolean {
  if (text.length > MAX_SOURCE_URL_BYTES) return false
  if (text.split('/').some((part) => part === '.' || part === '..')) return false
  return REMOTE.test(text) || LOCAL.test(text)
}
