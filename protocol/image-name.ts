/**
 * Names of image repositories: `host[:port]/path`, lower case, neither tag nor digest.
 *
 * Short names (`debian`) are spelled out before they come here: what a short name means depends
 * on a machine's configuration.
 */

const MAX_IMAGE_NAME_BYTES = 255

const HOST =
  /^(?:localhost(?::\d{1,5})?|(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)+(?::\d{1,5})?|[a-z0-9](?:[a-z0-9-]*[a-z0-9])?:\d{1,5}|\[[0-9a-f:]+\](?::\d{1,5})?)$/
/** A path component as the OCI distribution specification has it. */
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/

export function isImageName(text: string): boolean {
  if (text.length > MAX_IMAGE_NAME_BYTES) return false
  const [host = '', ...path] = text.split('/')
  return HOST.test(host) && path.length > 0 && path.every((part) => COMPONENT.test(part))
}
