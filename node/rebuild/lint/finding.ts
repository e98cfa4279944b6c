/**
 * What a lint can find: a closed list of codes, each with what it means and what to do.
 *
 * A finding is about an input that is not pinned, or about something in a recipe that is known to
 * come out otherwise at each build. It is a guess by reading and never a verdict: only rebuilding
 * says whether an image reproduces.
 */

interface Meaning {
  /** One sentence about `subject`. */
  readonly says: (subject: string) => string
  readonly advice: string
}

const MEANINGS = {
  'announcers-missing': {
    says: () => 'nobody is named whose announcements count, so the file cannot be followed yet',
    advice: 'put in the operator id ("op1…") of whoever announces its releases',
  },
  'base-unpinned': {
    says: (image) => `${image} is named by a tag, which is another image tomorrow`,
    advice: 'name it by digest: NAME@sha256:…',
  },
  'base-newer-than-snapshot': {
    says: (dates) => `the base is newer than the snapshot that apt installs from (${dates})`,
    advice: 'take a snapshot of the day of the base or later: apt refuses to go back',
  },
  'syntax-unpinned': {
    says: (image) => `the Dockerfile's frontend ${image} is named by a tag`,
    advice: 'name it by digest, or leave the line out and let the pinned builder read it',
  },
  'builder-unpinned': {
    says: (name) => `${name} may be of any version, and versions write images differently`,
    advice: 'say version = "1.28" (or its beginning), or image = "NAME@sha256:…"',
  },
  'epoch-missing': {
    says: () => 'there is no SOURCE_DATE_EPOCH, so times are those of the build',
    advice: 'say source_date_epoch = "commit", or a number, or take it from an annotation',
  },
  'timestamps-kept': {
    says: (name) => `${name} keeps the times of the build in layers`,
    advice: 'say rewrite-timestamp = "true" under [recipe.exporter]',
  },
  'pattern-loose': {
    says: (key) => `the pattern of ${key} lets the announcer feed the build any text`,
    advice: 'write a pattern that only the values meant will match, such as [0-9]{8}',
  },
  'apt-no-snapshot': {
    says: (command) => `${command} gets what the mirror has on that day`,
    advice: 'install from a snapshot archive at a fixed date, as repro-sources-list.sh sets up',
  },
  'packages-unpinned': {
    says: (command) => `${command} gets what the mirror has on that day`,
    advice: 'use a distribution that keeps snapshots, or bring the packages along with checksums',
  },
  'fetch-unchecked': {
    says: (command) => `${command} takes whatever the server sends`,
    advice: 'check it in the same step: sha256sum --check; or ADD --checksum=sha256:…',
  },
  'git-unpinned': {
    says: (command) => `${command} takes a branch or tag, which can be moved`,
    advice: 'check out a whole commit id, or ADD the repository as URL#COMMIT',
  },
  'dependencies-unlocked': {
    says: (command) => `${command} chooses versions when it is run`,
    advice: 'install from a lock file with hashes, such as --require-hashes, npm ci, --locked',
  },
  'residue-kept': {
    says: (path) => `${path} stays in the image and differs at each build`,
    advice: 'remove it in the step that makes it, or mount a cache there',
  },
  'archive-times': {
    says: (command) => `${command} writes times or an order of its own into the archive`,
    advice: 'gzip -n; tar --sort=name --mtime=@$SOURCE_DATE_EPOCH --owner=0 --group=0',
  },
  'shadow-day': {
    says: (command) => `${command} writes the day of the build into /etc/shadow`,
    advice: 'chage -d 99999 USER && rm -f /etc/shadow- in the same step',
  },
  'bytecode-times': {
    says: (command) => `${command} writes .pyc files with the times of the build`,
    advice: 'declare ARG SOURCE_DATE_EPOCH before it, or install with --no-compile',
  },
  'clock-or-chance': {
    says: (command) => `${command} gives something else at each build`,
    advice: 'take the time from SOURCE_DATE_EPOCH, and make no keys or ids in the image',
  },
} as const satisfies Record<string, Meaning>

export type LintCode = keyof typeof MEANINGS

export const LINT_CODES = Object.keys(MEANINGS) as readonly LintCode[]

export interface Finding {
  /** The file as the user knows it: the project file, or a path in the source. */
  readonly file: string
  /** From 1; null where there is no such line. */
  readonly line: number | null
  readonly code: LintCode
  /** One sentence. */
  readonly message: string
  readonly advice: string
}

/** Says what has been found at a line of one file. */
export type Report = (line: number | undefined, code: LintCode, subject: string) => void

const MAX_SUBJECT_LENGTH = 80

export function makeFinding(
  file: string,
  line: number | undefined,
  code: LintCode,
  subject: string,
): Finding {
  const { says, advice } = MEANINGS[code]
  const text = subject.replaceAll(/[\p{Cc}\s]+/gu, ' ').trim()
  const shown = text.length > MAX_SUBJECT_LENGTH ? `${text.slice(0, MAX_SUBJECT_LENGTH)}…` : text
  return { file, line: line ?? null, code, message: says(shown), advice }
}
