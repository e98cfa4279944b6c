/** What is read from the output of a builder that failed, whatever its name. */

export interface FailedCommand {
  readonly exitCode: number | undefined
  /** The end of what it wrote. */
  readonly output: string
  /** False: RUN steps had no network, so that missing it is the recipe's own doing. */
  readonly network: boolean
  /** Replaced in messages by $WORK and $SOURCE: they differ at each build. */
  readonly work: string
  readonly source: string
}

export const DISK_FULL = /no space left on device|disk quota exceeded/i

/** Network troubles that pass, as resolvers, apt, curl, wget, pip and npm put them. */
export const NETWORK =
  /temporary failure (?:resolving|in name resolution)|could(?: not|n't) resolve host|bad address '|unable to resolve host address|network is unreachable|no route to host|connection (?:refused|timed out|reset by peer)|connect timeout|mirror sync in progress|hash sum mismatch|operation timed out|EAI_AGAIN|TLS handshake timeout|unable to connect to|\b(?:429:? +Too Many|502:? +Bad Gateway|503:? +Service|504:? +Gateway)|(?:returned|http) error:? (?:429|50[234])\b/i

const MAX_REASON_LENGTH = 400

/** The last line of `text`, without what differs at each build. */
export function tidyReason(
  text: string,
  { work, source }: Pick<FailedCommand, 'work' | 'source'>,
): string {
  const line = text.trim().split('\n').at(-1) ?? ''
  return line.replaceAll(work, '$WORK').replaceAll(source, '$SOURCE').slice(0, MAX_REASON_LENGTH)
}
