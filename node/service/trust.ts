/** Whom this user believes, and who they say they are. */
import { parseBase64, toBase64 } from '../../protocol/bytes.ts'
import { isOperatorId, type OperatorId } from '../../protocol/identifiers.ts'
import { checkCards } from '../../protocol/policy.ts'
import { ConfigError } from '../config-error.ts'
import type { OperatorSummary, TrustRequest } from '../http/node-service.ts'
import type { NodeParts } from '../node-parts.ts'

export class Trust {
  readonly #parts: NodeParts

  constructor(parts: NodeParts) {
    this.#parts = parts
  }

  operators(): readonly OperatorSummary[] {
    const { policy, signers, projects, identity } = this.#parts
    const named = [
      ...policy.policy.operators.map(({ id }) => id),
      ...projects.all().flatMap(({ project }) => project.announcers),
      identity.card.body.operator,
    ]
    const ids = new Set([...named, ...signers.all().map(({ operator }) => operator)])
    return [...ids].map((id) => this.#describe(id))
  }

  async trust(request: TrustRequest): Promise<OperatorSummary> {
    const { policy, signers } = this.#parts
    let id = request.operator
    if (request.card !== undefined) {
      const bytes = parseBase64(request.card)
      if (bytes === undefined) throw new ConfigError('bad-value', 'the card is not base64')
      const { body } = await this.#parts.take(bytes)
      if (body.kind !== 'operator') {
        throw new ConfigError('bad-value', `this is a ${body.kind} statement, not an operator card`)
      }
      if (id !== undefined && id !== body.operator) {
        throw new ConfigError('bad-value', `the card is of ${body.operator}, not of ${id}`)
      }
      id = body.operator
    }
    if (id === undefined || !isOperatorId(id)) {
      throw new ConfigError(
        'bad-value',
        `"${id ?? ''}" is no operator id (op1…) and no card was given`,
      )
    }
    const name = request.name ?? signers.cardOf(id)?.name
    const operators = [...policy.policy.operators, { id, groups: [] }]
    checkCards({ ...policy.policy, operators }, signers.all())
    await policy.add({ id, ...(name === undefined ? {} : { name }), groups: request.groups ?? [] })
    this.#parts.reconsider(this.#followed())
    await this.#parts.network?.sync()
    return this.#describe(id)
  }

  async untrust(operator: string): Promise<void> {
    const matches = this.#parts.policy.policy.operators.filter(
      ({ id, name }) => id === operator || name === operator || id.startsWith(operator),
    )
    if (matches.length > 1) {
      throw new ConfigError('ambiguous', `"${operator}" means several operators: use the whole id`)
    }
    await this.#parts.policy.remove(matches[0]?.id ?? operator)
    this.#parts.reconsider(this.#followed())
  }

  ownCard(): { operator: OperatorId; card: string } {
    const { card, cardBytes } = this.#parts.identity
    return { operator: card.body.operator, card: toBase64(cardBytes) }
  }

  #followed(): string[] {
    return this.#parts.projects.all().map(({ project }) => project.image)
  }

  #describe(id: OperatorId): OperatorSummary {
    const card = this.#parts.signers.cardOf(id)
    const known = this.#parts.policy.policy.operators.find((operator) => operator.id === id)
    return {
      id,
      name: known?.name ?? card?.name ?? null,
      groups: known?.groups ?? [],
      trusted: known !== undefined,
      self: id === this.#parts.identity.card.body.operator,
      keys: card?.keys ?? [],
      expires: card?.expires ?? null,
      contact: card?.contact ?? null,
      claims: card?.claims ?? {},
    }
  }
}
