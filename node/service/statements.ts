/** Looking statements up: by sid, by a prefix of it, by IMAGE@VERSION; releases, and the own log. */
import type { Sid } from '../../protocol/identifiers.ts'
import type { Release } from '../../protocol/release.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import { ConfigError } from '../config-error.ts'
import type { ReleaseSummary, StatementSummary } from '../http/node-service.ts'
import type { NodeParts } from '../node-parts.ts'
import { ownStatements } from '../own-statements.ts'
import { isRelease } from '../tally.ts'
import { describeStatement } from './statement-view.ts'

const SID_PREFIX = /^[0-9a-f]{8,64}$/

export class StatementQueries {
  readonly #parts: NodeParts

  constructor(parts: NodeParts) {
    this.#parts = parts
  }

  /** Throws ConfigError `ambiguous` where several are meant. */
  async find(reference: string): Promise<SignedStatement | undefined> {
    const { statements } = this.#parts.store
    const at = reference.lastIndexOf('@')
    if (at > 0) {
      const found = await statements.releaseBy(reference.slice(0, at), reference.slice(at + 1))
      return this.#only(reference, found)
    }
    if (!SID_PREFIX.test(reference)) {
      throw new ConfigError(
        'bad-value',
        `"${reference}" is neither 8 or more hex digits of a statement id nor IMAGE@VERSION`,
      )
    }
    const sids = await statements.findBySidPrefix(reference)
    const found = await Promise.all(sids.map((sid) => statements.get(sid)))
    return this.#only(
      reference,
      found.flatMap((stored) => stored?.statement ?? []),
    )
  }

  async findRelease(reference: string): Promise<SignedStatement<Release>> {
    const found = await this.find(reference)
    if (found !== undefined && isRelease(found)) return found
    const what =
      found === undefined ? 'no statement here is' : `a ${found.body.kind}, no release, is`
    throw new ConfigError(
      'not-found',
      `${what} "${reference}": see "rebuildnet projects" and "status"`,
    )
  }

  async describe(sid: Sid): Promise<StatementSummary | undefined> {
    const stored = await this.#parts.store.statements.get(sid)
    if (stored === undefined) return undefined
    return describeStatement(stored.statement, stored.bytes, this.#parts.signers)
  }

  async statement(reference: string): Promise<StatementSummary | undefined> {
    const found = await this.find(reference)
    return found === undefined ? undefined : this.describe(found.sid)
  }

  /** Own statements, newest last. */
  async log(filter: { image?: string; limit: number }): Promise<readonly StatementSummary[]> {
    const own = await ownStatements(this.#parts)
    const wanted = own.filter(
      ({ body }) =>
        filter.image === undefined || (body.kind !== 'operator' && body.image === filter.image),
    )
    const described = await Promise.all(
      wanted.slice(-filter.limit).map(({ sid }) => this.describe(sid)),
    )
    return described.flatMap((summary) => summary ?? [])
  }

  async releases(filter: { image?: string }): Promise<readonly ReleaseSummary[]> {
    const followed = this.#parts.projects.all().map(({ project }) => project.image)
    const images = filter.image === undefined ? followed : [filter.image]
    const found = await Promise.all(
      images.map((image) => this.#parts.store.statements.ofImage(image, 'release')),
    )
    return Promise.all(found.flat().map((release) => this.describeRelease(release)))
  }

  async describeRelease({ sid, key, body }: SignedStatement<Release>): Promise<ReleaseSummary> {
    const questions = body.platforms.flatMap(({ platform, manifestDigest }) =>
      manifestDigest === undefined
        ? []
        : [{ repository: body.image, digest: manifestDigest, platform }],
    )
    return {
      sid,
      image: body.image,
      version: body.version,
      commit: body.source.commit,
      announced: body.announced,
      announcer: this.#parts.signers.operatorOf(key) ?? null,
      platforms: body.platforms.map(({ platform, manifestDigest }) => ({
        platform,
        manifestDigest: manifestDigest ?? null,
      })),
      verdicts: await Promise.all(questions.map((question) => this.#parts.tally.answer(question))),
    }
  }

  #only<S extends SignedStatement>(reference: string, found: readonly S[]): S | undefined {
    if (found.length <= 1) return found[0]
    const sids = found.map(({ sid }) => sid.slice(0, 12)).join(', ')
    throw new ConfigError('ambiguous', `"${reference}" means several statements: ${sids}`)
  }
}
