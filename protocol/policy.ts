/**
 * A user's own trust policy: integers only, no percentages, no weights. protocol/verdict/README.md.
 *
 * The schema is closed: a key that is misspelt must not silently leave a default in force. What
 * could never be meant is refused; what merely can never be met loads with a warning, and never
 * allows.
 */
import { toHex, utf8 } from './bytes.ts'
import { canonicalJson } from './canonical-json.ts'
import type { Crypto } from './crypto.ts'
import { countGroups } from './diversity.ts'
import { isOperatorId, type ImageName, type KeyHex, type OperatorId } from './identifiers.ts'
import { isImageGlob, matchesImageGlob } from './image-glob.ts'
import { isImageName } from './image-name.ts'
import type { JsonObject } from './json.ts'
import { PolicyError } from './policy-error.ts'
import { PolicyTable } from './policy-table.ts'

/** From the weakest to the strongest. */
export const LEVELS = ['rootfs', 'normalized', 'exact'] as const
export type Level = (typeof LEVELS)[number]

export interface PolicyOperator {
  readonly id: OperatorId
  readonly name?: string
  readonly groups: readonly string[]
  /** sha256 of the one card that is believed, where two cards of a version exist. */
  readonly card?: string
}

/** The rules that an `[[image]]` section may override. */
export interface PolicyRules {
  /** k: distinct operators that must agree. */
  readonly threshold: number
  /** d: distinct operators that may disagree. */
  readonly maxDissent: number
  /** s: operators that may be silent. */
  readonly maxSilent: number
  /** Oldest head that still counts as fresh, in seconds. */
  readonly maxAgeSeconds: number
  readonly minGroups: number
  /** The weakest level that counts. */
  readonly accept: Level
  readonly countUnstable: boolean
  readonly countEmulated: boolean
  readonly minBlind: number
  readonly freshness: 'required' | 'off'
}

export interface Policy extends PolicyRules {
  readonly operators: readonly PolicyOperator[]
  /** First match wins. `repository` maps the asked image to another repository whose releases count. */
  readonly images: readonly {
    readonly match: string
    readonly repository?: string
    readonly rules: Partial<PolicyRules>
  }[]
  /** sha256 of the policy's canonical form, lowercase hex; named in every answer. */
  readonly hash: string
  readonly warnings: readonly string[]
}

const POLICY_FORMAT = 1
const MIN_MAX_AGE_SECONDS = 24 * 3600

/** What holds where the file says nothing; `maxSilent` is a third of the operators, rounded down. */
const defaultPolicyRules: Readonly<Omit<PolicyRules, 'maxSilent'>> = Object.freeze({
  threshold: 2,
  maxDissent: 0,
  maxAgeSeconds: 48 * 3600,
  minGroups: 0,
  accept: 'normalized',
  countUnstable: true,
  countEmulated: false,
  minBlind: 0,
  freshness: 'required',
})

const RULE_KEYS = [
  'threshold',
  'max_dissent',
  'max_silent',
  'max_age',
  'min_groups',
  'accept',
  'count_unstable',
  'count_emulated',
  'min_blind',
  'freshness',
] as const

/** Reads a parsed policy file. Throws a PolicyError that names the key at fault. */
export function parsePolicy(value: unknown, crypto: Crypto): Policy {
  const file = new PolicyTable(value, '')
  const format = file.integer('format', 1) ?? POLICY_FORMAT
  if (format > POLICY_FORMAT) {
    file.fail(
      'newer-format',
      'format',
      `is ${format}, and this rebuildnet reads ${POLICY_FORMAT}: update rebuildnet`,
    )
  }
  file.only(['format', ...RULE_KEYS, 'operator', 'image'])

  const operators = parseOperators(file.tables('operator'))
  const rules: PolicyRules = {
    ...defaultPolicyRules,
    maxSilent: Math.floor(operators.length / 3),
    ...parseRules(file),
  }
  checkDissent(rules, file)
  const sections = file.tables('image')
  const images = sections.map((section) => {
    section.only(['match', 'repository', ...RULE_KEYS])
    const pattern = section.spelled('match', isImageGlob, 'a pattern of image names')
    const match = section.required('match', pattern)
    const repository = section.spelled('repository', isImageName, 'an image name (host/path)')
    const own = parseRules(section)
    checkDissent({ ...rules, ...own }, section)
    return { match, ...(repository === undefined ? {} : { repository }), rules: own }
  })
  const warnings = [
    ...reachWarnings(rules, operators, ''),
    ...images.flatMap((image, i) =>
      reachWarnings({ ...rules, ...image.rules }, operators, ` (image[${i}])`),
    ),
  ]
  // Only strings, integers, booleans and lists of these, by construction.
  const canonical = { format, ...rules, operators, images } as unknown as JsonObject
  const hash = toHex(crypto.sha256(utf8(canonicalJson(canonical))))
  return { ...rules, operators, images, hash, warnings: [...new Set(warnings)] }
}

/** The rules that hold for an image, and the other repository whose releases count for it. */
export function rulesFor(
  policy: Policy,
  image: ImageName,
): { readonly rules: PolicyRules; readonly repository: ImageName | undefined } {
  const section = policy.images.find(({ match }) => matchesImageGlob(match, image))
  return { rules: { ...policy, ...section?.rules }, repository: section?.repository }
}

/** Refuses one key under two operators of the policy. */
export function checkCards(
  policy: Policy,
  cards: Iterable<{ readonly operator: OperatorId; readonly keys: readonly KeyHex[] }>,
): void {
  const trusted = new Set(policy.operators.map(({ id }) => id))
  const owners = new Map<KeyHex, OperatorId>()
  for (const { operator, keys } of cards) {
    if (!trusted.has(operator)) continue
    for (const key of keys) {
      const owner = owners.get(key)
      if (owner !== undefined && owner !== operator) {
        const [first, second] = [owner, operator].sort()
        throw new PolicyError(
          'shared-key',
          'operator',
          `lists ${first ?? ''} and ${second ?? ''}, whose cards share the key ${key}: they are one party, keep one`,
        )
      }
      owners.set(key, operator)
    }
  }
}

/** `[[operator]]` tables, of a policy or of a list of operators; each id once. */
export function parseOperators(tables: readonly PolicyTable[]): PolicyOperator[] {
  const seen = new Set<OperatorId>()
  const operators = tables.map((table): PolicyOperator => {
    table.only(['id', 'name', 'groups', 'card'])
    const id = table.required('id', table.spelled('id', isOperatorId, 'an operator id ("op1…")'))
    if (seen.has(id)) table.fail('duplicate-operator', 'id', `names ${id} a second time`)
    seen.add(id)
    const name = table.spelled('name', isLabel, 'a name on one line')
    const groups = table.strings('groups', isLabel, 'a name on one line')
    const card = table.spelled('card', isSha256, 'the sha256 of a card (64 hex digits)')
    return {
      id,
      ...(name === undefined ? {} : { name }),
      groups: [...new Set(groups)].sort(),
      ...(card === undefined ? {} : { card }),
    }
  })
  return operators.sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** Only what the table says. */
function parseRules(table: PolicyTable): Partial<PolicyRules> {
  const maxAgeSeconds = table.duration('max_age')
  if (maxAgeSeconds !== undefined && maxAgeSeconds < MIN_MAX_AGE_SECONDS) {
    table.fail('max-age-too-short', 'max_age', 'must be at least "24h"')
  }
  return present({
    threshold: table.integer('threshold', 1, 'threshold-too-small'),
    maxDissent: table.integer('max_dissent', 0),
    maxSilent: table.integer('max_silent', 0),
    maxAgeSeconds,
    minGroups: table.integer('min_groups', 0),
    accept: table.choice('accept', LEVELS),
    countUnstable: table.boolean('count_unstable'),
    countEmulated: table.boolean('count_emulated'),
    minBlind: table.integer('min_blind', 0),
    freshness: table.choice('freshness', ['required', 'off']),
  })
}

function checkDissent({ threshold, maxDissent }: PolicyRules, table: PolicyTable): void {
  if (maxDissent < threshold) return
  table.fail(
    'dissent-not-below-threshold',
    'max_dissent',
    `is ${maxDissent}: it must be below threshold, which is ${threshold}`,
  )
}

/** No operators at all is a policy too: it answers `unknown` to everything. */
function reachWarnings(
  rules: PolicyRules,
  operators: readonly PolicyOperator[],
  where: string,
): string[] {
  if (operators.length === 0) return []
  const groups = countGroups(operators)
  const there = operators.length === 1 ? 'is 1 operator' : `are ${operators.length} operators`
  const reasons: string[] = []
  if (operators.length < rules.threshold) {
    reasons.push(`threshold is ${rules.threshold} and there ${there}`)
  }
  if (groups < rules.minGroups) {
    reasons.push(`min_groups is ${rules.minGroups} and the operators stand for ${groups}`)
  }
  if (operators.length < rules.minBlind) {
    reasons.push(`min_blind is ${rules.minBlind} and there ${there}`)
  }
  return reasons.map((reason) => `unreachable${where}: ${reason}, so nothing will be allowed`)
}

function isLabel(text: string): boolean {
  return text.length > 0 && text.length <= 200 && !/[\p{Cc}\p{Zl}\p{Zp}]/u.test(text)
}

function isSha256(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> }

function present<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined),
  ) as Defined<T>
}
