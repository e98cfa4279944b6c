/** Which day's packages a stage installs, and which day's base it starts from, as far as the text tells. */

import { archiveDates } from '../../../protocol/archive-date.ts'

const SECONDS_PER_DAY = 86_400

/** Signs of a snapshot archive in a step or in a sources file that is copied in. */
const SNAPSHOT =
  /repro-sources-list|snapshot[a-z.-]*\.(?:debian\.org|ubuntu\.com)|SNAPSHOT_ARCHIVE_BASE|archive\.archlinux\.org|\/[0-9]{8}T[0-9]{6}Z/

export function namesSnapshot(text: string): boolean {
  return SNAPSHOT.test(text)
}

/** `20250113` of `debian:bookworm-20250113-slim`. */
export function baseDate(reference: string): string | undefined {
  return /:[^/@]*?(20[0-9]{6})(?:\D[^/]*)?$/.exec(reference.replace(/@.*$/, ''))?.[1]
}

/**
 * The day of the snapshot: of its address, else of a variable that is named for it, else, where
 * repro-sources-list.sh sees one, of SOURCE_DATE_EPOCH.
 */
export function snapshotDate(
  text: string,
  variables: ReadonlyMap<string, string>,
  epoch: number | undefined,
): string | undefined {
  const inAddress = /\/(20[0-9]{6})T[0-9]{6}Z/.exec(text)?.[1]
  if (inAddress !== undefined) return inAddress
  for (const [name, value] of variables) {
    if (!/(?:ARCHIVE|SNAPSHOT).*DATE|DEBIAN_DATE/i.test(name) || !text.includes(name)) continue
    const date = /^(20[0-9]{2})-?([0-9]{2})-?([0-9]{2})/.exec(value)
    if (date !== null) return date.slice(1, 4).join('')
  }
  const seesEpoch = text.includes('repro-sources-list') && variables.has('SOURCE_DATE_EPOCH')
  if (!seesEpoch || epoch === undefined) return undefined
  return archiveDates(epoch - (epoch % SECONDS_PER_DAY))[0]
}
