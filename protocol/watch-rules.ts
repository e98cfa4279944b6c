/**
 * Which new tags of a project become releases by themselves, and of what version: the `[watch]`
 * table of a project file. node/watch/README.md.
 *
 * A pattern has at most one `*`, and what that stands for is the version; without one the whole tag
 * is. A git tag and a tag of the registry belong together when they give the same version. What has
 * two readings is said to have two: nothing is guessed.
 */
import { z } from 'zod'
import { parseSshKeyLine } from './ssh-key.ts'

export interface WatchRules {
  /** Of git tags; a tag that is new to one of them is a version. */
  readonly gitTags: readonly string[]
  /** Of tags in the registry that are pushed once. */
  readonly registryTags: readonly string[]
  /** Tags in the registry that are moved on purpose (`nightly`): each new digest is a version. */
  readonly movingTags: readonly string[]
  /** Where an image says which commit it is of; `annotation:KEY` or `label:KEY`. */
  readonly commit?: string
  /** The branch on which such a commit must be. */
  readonly branch?: string
  /** SSH keys, one of which must have signed a git tag; empty where none need be signed. */
  readonly keys: readonly string[]
  /** Announce a git tag at once, and its image when it comes. */
  readonly blind: boolean
  readonly intervalSeconds: number
}

/** What a tag stands for. */
export type TagReading =
  | { readonly kind: 'none' }
  | { readonly kind: 'version'; readonly version: string }
  | { readonly kind: 'ambiguous'; readonly versions: readonly string[] }

const DEFAULT_INTERVAL_SECONDS = 15 * 60
const MIN_INTERVAL_SECONDS = 60
const MAX_INTERVAL_SECONDS = 7 * 86_400
const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }
const MAX_PATTERNS = 16
const MAX_VERSION_LENGTH = 128
/** What `*` stands for: neither a slash, nor anything that a person could not tell apart. */
const STAR = /^[A-Za-z0-9._+-]+$/

/** The version that a tag stands for under these patterns. */
export function readTag(patterns: readonly string[], tag: string): TagReading {
  const versions = new Set<string>()
  for (const pattern of patterns) {
    const version = versionUnder(pattern, tag)
    if (version !== undefined) versions.add(version)
  }
  const [version, ...others] = versions
  if (version === undefined) return { kind: 'none' }
  return others.length === 0
    ? { kind: 'version', version }
    : { kind: 'ambiguous', versions: [...versions].sort() }
}

function versionUnder(pattern: string, tag: string): string | undefined {
  const [before = '', after] = pattern.split('*')
  if (after === undefined) return tag === pattern ? tag : undefined
  if (tag.length <= before.length + after.length) return undefined
  if (!tag.startsWith(before) || !tag.endsWith(after)) return undefined
  const version = tag.slice(before.length, tag.length - after.length)
  return version.length <= MAX_VERSION_LENGTH && STAR.test(version) ? version : undefined
}

function parseInterval(text: string): number | undefined {
  const [, count, unit = ''] = /^([1-9][0-9]{0,6})(s|m|h|d)$/.exec(text) ?? []
  const seconds = Number(count) * (UNIT_SECONDS[unit] ?? Number.NaN)
  return seconds >= MIN_INTERVAL_SECONDS && seconds <= MAX_INTERVAL_SECONDS ? seconds : undefined
}

function spelled(form: RegExp, what: string) {
  return z.string().refine((text) => form.test(text), `must be ${what}`)
}

function patterns(form: RegExp, what: string) {
  const one = spelled(form, what)
  return z
    .union([one.transform((each) => [each]), z.array(one).min(1).max(MAX_PATTERNS)])
    .default([])
}

const interval = z.string().transform((text, context) => {
  const seconds = parseInterval(text)
  if (seconds !== undefined) return seconds
  const message = 'must be a duration from "1m" to "7d"'
  context.addIssue({ code: 'custom', message, input: text })
  return z.NEVER
})

const table = z.strictObject({
  git_tags: patterns(
    /^[A-Za-z0-9._/+@-]{0,128}\*?[A-Za-z0-9._/+@-]{0,128}$/,
    'a tag, or one with a "*" in it, such as "v*"',
  ),
  registry_tags: patterns(
    /^[A-Za-z0-9._-]{0,128}\*?[A-Za-z0-9._-]{0,128}$/,
    'a tag, or one with a "*" in it',
  ),
  moving_tags: patterns(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,100}$/, 'a tag, without "*"'),
  commit: spelled(
    /^(?:annotation|label):[!-~]{1,256}$/,
    '"annotation:KEY" or "label:KEY"',
  ).exactOptional(),
  branch: spelled(
    /^(?!.*(?:\.\.|\/\/|\/\.|@\{|\.lock(?:\/|$)))[A-Za-z0-9_][A-Za-z0-9._/+@-]{0,200}(?<![./])$/,
    'the name of a branch, such as "main"',
  ).exactOptional(),
  keys: z
    .array(
      z.string().transform((line, context) => {
        if (parseSshKeyLine(line) !== undefined) return line.trim().split(/\s+/, 2).join(' ')
        const message =
          'must be an SSH key ("ssh-ed25519 AAAA…" or "sk-ssh-ed25519@openssh.com AAAA…"); tags that are signed with OpenPGP, X.509 or other SSH keys cannot be checked'
        context.addIssue({ code: 'custom', message, input: line })
        return z.NEVER
      }),
    )
    .max(MAX_PATTERNS)
    .default([]),
  blind: z.boolean().default(false),
  interval: interval.default(DEFAULT_INTERVAL_SECONDS),
})

/** The `[watch]` table; its keys are written with underscores. */
export const watchTable = table
  .check(({ value, issues }) => {
    const wrong = wrongTogether(value)
    if (wrong === undefined) return
    const [key, message] = wrong
    issues.push({ code: 'custom', path: [key], message, input: value })
  })
  .transform(
    ({
      git_tags: gitTags,
      registry_tags: registryTags,
      moving_tags: movingTags,
      interval: intervalSeconds,
      ...rest
    }): WatchRules => ({ ...rest, gitTags, registryTags, movingTags, intervalSeconds }),
  )

/** What no key shows by itself: which key is wrong beside the others, and why. */
function wrongTogether(rules: z.output<typeof table>): readonly [string, string] | undefined {
  const { git_tags: git, registry_tags: registry, moving_tags: moving, commit, branch } = rules
  if (git.length + registry.length + moving.length === 0) {
    return ['git_tags', 'is needed, or registry_tags, or moving_tags: nothing is watched']
  }
  if ((commit === undefined) !== (branch === undefined)) {
    return [
      commit === undefined ? 'commit' : 'branch',
      'is needed: a commit that an image names counts only where it is on a branch of the source',
    ]
  }
  if (moving.length > 0 && commit === undefined) {
    return ['commit', 'is needed: where does an image under moving_tags name its commit?']
  }
  if (registry.length > 0 && git.length === 0 && commit === undefined) {
    return ['registry_tags', 'needs git_tags, or commit and branch: which commit is an image of?']
  }
  if (rules.keys.length > 0 && (git.length === 0 || commit !== undefined)) {
    return ['keys', 'needs git_tags, and no commit: what an image says of itself is not signed']
  }
  if (rules.blind && (git.length === 0 || registry.length === 0)) {
    return ['blind', 'needs git_tags and registry_tags']
  }
  return undefined
}
