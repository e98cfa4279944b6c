/**
 * What two operators got for one release, compared file by file without either image: from their
 * live results the digests, from kept trees and from peers what differs below them.
 */
import { differingInputs } from '../../protocol/differing-inputs.ts'
import type { OperatorId, Platform } from '../../protocol/identifiers.ts'
import type { ImageDigests, Material, Rebuild } from '../../protocol/rebuild.ts'
import { allowsSeveralBuilders } from '../../protocol/recipe.ts'
import type { Release } from '../../protocol/release.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import { compareTrees, type TreeParts } from '../compare-trees.ts'
import { ConfigError } from '../config-error.ts'
import type { DiffRequest, DiffReply, DiffSide } from '../http/node-service.ts'
import type { NodeParts } from '../node-parts.ts'
import type { StatementQueries } from './statements.ts'

/** In place of an operator: the image as it was published. */
const PUBLISHED = 'published'
const MAX_LISTED = 5_000

interface FoundSide extends DiffSide {
  readonly digests: ImageDigests
  readonly profile: string
  /** What its build read; nothing is known of that of what was published. */
  readonly materials: readonly Material[]
}

export interface ComparingParts extends TreeParts {
  readonly store: Pick<NodeParts['store'], 'statements'>
  readonly signers: NodeParts['signers']
  /** The name that the user gave an operator. */
  readonly nameOf: (operator: OperatorId) => string | undefined
}

export class Comparing {
  readonly #parts: ComparingParts
  readonly #statements: Pick<StatementQueries, 'findRelease'>

  constructor(parts: ComparingParts, statements: Pick<StatementQueries, 'findRelease'>) {
    this.#parts = parts
    this.#statements = statements
  }

  async diff(request: DiffRequest, signal: AbortSignal): Promise<DiffReply> {
    const release = await this.#statements.findRelease(request.release)
    const platform = choosePlatform(release.body, request.platform)
    const rebuilds = await this.#liveRebuilds(release, platform)
    const [a, b] = [request.a, request.b].map((name) => this.#side(name, rebuilds))
    if (a === undefined || b === undefined) throw new Error('two sides are compared')
    if (a.profile !== b.profile) {
      throw new ConfigError(
        'refused',
        `one result is under ${a.profile}, the other under ${b.profile}`,
      )
    }
    const level = allowsSeveralBuilders(release.body.recipe) ? 'rootfs' : 'normalized'
    const question = {
      profile: a.profile,
      level,
      a: a.digests,
      b: b.digests,
      maxListed: MAX_LISTED,
    } as const
    const report = await compareTrees(this.#parts, question, signal)
    const { image, version } = release.body
    const inputs = differingInputs([
      { who: 'a', materials: a.materials },
      { who: 'b', materials: b.materials },
    ])
    return { image, version, platform, level, a: shown(a), b: shown(b), inputs, ...report }
  }

  async #liveRebuilds(
    { sid, body }: SignedStatement<Release>,
    platform: Platform,
  ): Promise<readonly (SignedStatement<Rebuild> & { readonly operator: OperatorId })[]> {
    const { store, signers } = this.#parts
    const all = await store.statements.ofImage(body.image)
    const dead = new Set(
      all.flatMap(({ key, body: said }) => {
        const names =
          said.kind === 'rebuild'
            ? said.supersedes
            : said.kind === 'withdrawal'
              ? [said.withdraws]
              : []
        // Only what its own operator took back is dead.
        return names.map((name) => `${signers.operatorOf(key) ?? ''} ${name}`)
      }),
    )
    return all.flatMap((statement) => {
      const operator = signers.operatorOf(statement.key)
      if (operator === undefined || !isRebuild(statement)) return []
      const { release, platform: built } = statement.body
      if (release !== sid || built !== platform) return []
      return dead.has(`${operator} ${statement.sid}`) ? [] : [{ ...statement, operator }]
    })
  }

  #side(
    name: string,
    rebuilds: readonly (SignedStatement<Rebuild> & { readonly operator: OperatorId })[],
  ): FoundSide {
    if (name === PUBLISHED) return publishedSide(rebuilds)
    const { signers } = this.#parts
    const nameOf = (id: OperatorId): string | undefined =>
      this.#parts.nameOf(id) ?? signers.cardOf(id)?.name
    const operators = [...new Set(rebuilds.map(({ operator }) => operator))]
    const exact = operators.filter((id) => id === name || nameOf(id) === name)
    const matches = exact.length > 0 ? exact : operators.filter((id) => id.startsWith(name))
    if (matches.length > 1) {
      throw new ConfigError('ambiguous', `"${name}" means several operators: ${matches.join(', ')}`)
    }
    const [operator] = matches
    const found = rebuilds.filter((each) => each.operator === operator).at(-1)
    if (operator === undefined || found === undefined) {
      const known = operators.map((id) => nameOf(id) ?? id).join(', ')
      throw new ConfigError(
        'not-found',
        `no operator "${name}" has a result for this release and platform; there are results of: ${known === '' ? 'nobody' : known}`,
      )
    }
    const { outcome, profile } = found.body
    if (outcome.kind !== 'built') {
      throw new ConfigError(
        'not-found',
        `the result of ${name} is "${outcome.kind}": there is no one image of it`,
      )
    }
    const operatorName = nameOf(operator) ?? null
    return {
      operator,
      name: operatorName,
      sid: found.sid,
      digests: outcome.rebuilt,
      profile,
      materials: found.body.materials,
      ...digestsOf(outcome.rebuilt),
    }
  }
}

function isRebuild(statement: SignedStatement): statement is SignedStatement<Rebuild> {
  return statement.body.kind === 'rebuild'
}

/** As those found it who read it; where they do not agree, nobody can say which it is. */
function publishedSide(rebuilds: readonly SignedStatement<Rebuild>[]): FoundSide {
  const found = rebuilds.flatMap(({ sid, body }) =>
    'manifestDigest' in body.published
      ? [{ sid, digests: body.published, profile: body.profile }]
      : [],
  )
  const distinct = new Set(found.map(({ digests }) => JSON.stringify(digests.normalizedDigest)))
  const [first] = found
  if (first === undefined) {
    throw new ConfigError('not-found', 'no result for this release says what was published')
  }
  if (distinct.size > 1) {
    throw new ConfigError('ambiguous', 'the results do not agree on what was published')
  }
  return { operator: null, name: PUBLISHED, ...first, materials: [], ...digestsOf(first.digests) }
}

function digestsOf({
  manifestDigest,
  normalizedDigest,
}: ImageDigests): Pick<DiffSide, 'manifestDigest' | 'digest'> {
  return {
    manifestDigest,
    digest: typeof normalizedDigest === 'string' ? normalizedDigest : normalizedDigest.error,
  }
}

function shown({ operator, name, sid, manifestDigest, digest }: FoundSide): DiffSide {
  return { operator, name, sid, manifestDigest, digest }
}

function choosePlatform({ platforms }: Release, wanted: string | undefined): Platform {
  const offered = platforms.map(({ platform }) => platform)
  const [only, ...others] = offered
  if (wanted === undefined && only !== undefined && others.length === 0) return only
  if (wanted !== undefined && offered.includes(wanted)) return wanted
  throw new ConfigError(
    wanted === undefined ? 'ambiguous' : 'not-found',
    `the release is for ${offered.join(', ')}: name one with --platform`,
  )
}
