/** Whom this user believes, and who they say they are. */
import { parseBase64, toBase64 } from '../../protocol/bytes.ts'
import { isOperatorId, type OperatorId } from '../../protocol/identifiers.ts'
import { openStatement } from '../../protocol/open-statement.ts'
import type { OperatorCard } from '../../protocol/operator-card.ts'
import { checkCards, type PolicyOperator } from '../../protocol/policy.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import { changesBy, changesToken, type TrustChange } from '../../protocol/trust-list.ts'
import { ConfigError } from '../config-error.ts'
import type {
  Cards,
  OperatorSummary,
  TrustListPreview,
  TrustListRequest,
  TrustRequest,
} from '../http/trust-summary.ts'
import type { Status } from '../http/node-service.ts'
import type { NodeParts } from '../node-parts.ts'
import { TrustLists, type OpenedList } from '../trust-lists.ts'

export class Trust {
  readonly #parts: NodeParts
  readonly #lists: TrustLists

  constructor(parts: NodeParts) {
    this.#parts = parts
    this.#lists = new TrustLists({ crypto: parts.crypto }, { file: parts.folder.trustLists })
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
    let pinned: string | undefined
    if (request.card !== undefined) {
      const body = await this.#take({ ...request, card: request.card })
      if (id !== undefined && id !== body.operator) {
        throw new ConfigError('bad-value', `the card is of ${body.operator}, not of ${id}`)
      }
      id = body.operator
      if (request.pin === true) pinned = body.cardDigest
    } else if (request.pin === true) {
      throw new ConfigError('bad-value', 'to pin a card, give the card')
    }
    if (id === undefined || !isOperatorId(id)) {
      throw new ConfigError(
        'bad-value',
        `"${id ?? ''}" is no operator id (op1…) and no card was given`,
      )
    }
    const known = policy.policy.operators.find((operator) => operator.id === id)
    const card = pinned ?? known?.card
    await this.#add({
      id,
      ...optional('name', request.name ?? known?.name ?? signers.cardOf(id)?.name),
      groups: request.groups ?? known?.groups ?? [],
      ...optional('card', card),
    })
    await this.#trustChanged()
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

  async previewList(request: TrustListRequest): Promise<TrustListPreview> {
    return this.#describeList(await this.#open(request))
  }

  async importList(
    request: TrustListRequest & { readonly token: string },
  ): Promise<TrustListPreview> {
    const { policy, signers } = this.#parts
    const proposal = await this.#open(request)
    const preview = this.#describeList(proposal)
    if (preview.token !== request.token) {
      throw new ConfigError('refused', 'what the list would change is another now: look again')
    }
    const added = proposal.changes.filter(({ kind }) => kind === 'added')
    const operators = [...policy.policy.operators, ...added.map(({ operator }) => operator)]
    checkCards({ ...policy.policy, operators }, signers.all())
    for (const { kind, operator } of proposal.changes) {
      if (kind === 'removed') await policy.remove(operator.id)
      else await policy.add(operator)
    }
    await this.#lists.remember(proposal.opened)
    await this.#trustChanged()
    return preview
  }

  async ownCard(): Promise<{ operator: OperatorId } & Required<Cards>> {
    const { signers, store, identity } = this.#parts
    const { body } = identity.card
    // With a pin on the own card: a rival of one version must not come along.
    const { cards } = signers.chainOf(body.operator, body.cardDigest)
    const earlier: string[] = []
    for (const card of cards.filter(({ version }) => version < body.version)) {
      const sid = signers.statementOf(card)?.sid ?? ''
      const stored = await store.statements.get(sid)
      if (stored !== undefined) earlier.push(toBase64(stored.bytes))
    }
    return { operator: body.operator, card: toBase64(identity.cardBytes), earlier }
  }

  /** What others see of the own operator that this node's own card does not say. */
  ownTrouble(): Status['cardTrouble'] {
    const { signers, identity, logs } = this.#parts
    if (logs.view().isEquivocator(identity.card.body.operator)) return 'two-histories'
    const { trouble, newest } = signers.chainOf(identity.card.body.operator)
    if (trouble === 'two-cards') return trouble
    const isListed = newest?.keys.includes(identity.key.publicKey) ?? true
    return isListed ? null : 'key-dropped'
  }

  /** Puts a newer own card in the place of the one here, and tells the network. */
  async adopt(request: Cards): Promise<OperatorSummary> {
    const { identity, crypto } = this.#parts
    const bytes = parseCard(request.card)
    const card = openStatement(bytes, crypto)
    const isOwn = isCard(card) && card.body.cardDigest === identity.card.body.cardDigest
    // The one that is in force may still lack those before it.
    if (isOwn) await this.#take(request)
    else if (!isCard(card) || !identity.isNewer(card)) {
      const { operator, version } = identity.card.body
      throw new ConfigError(
        'refused',
        `this is no newer card of ${operator} than version ${version} that lists the key of this node`,
      )
    } else {
      await this.#take(request)
      await identity.adopt({ card, cardBytes: bytes })
    }
    this.#parts.reconsider(this.#followed())
    return this.#describe(identity.card.body.operator)
  }

  /** Takes cards, the earlier ones first; the last of them must follow from one that is here. */
  async #take({ card, earlier = [] }: Cards): Promise<OperatorCard> {
    for (const each of earlier) {
      const statement = openStatement(parseCard(each), this.#parts.crypto)
      if (isCard(statement)) await this.#parts.take(parseCard(each))
    }
    const bytes = parseCard(card)
    const statement = openStatement(bytes, this.#parts.crypto)
    if (!isCard(statement)) {
      throw new ConfigError(
        'bad-value',
        `this is a ${statement.body.kind} statement, not an operator card`,
      )
    }
    const { body } = statement
    if (!this.#parts.signers.isLinked(body)) {
      throw new ConfigError(
        'bad-value',
        `this card of version ${body.version} follows none that is here: the file must have the earlier ones too, as "rebuildnet card FILE" writes it`,
      )
    }
    await this.#parts.take(bytes)
    return body
  }

  async #add(operator: PolicyOperator): Promise<void> {
    const { policy, signers } = this.#parts
    checkCards(
      { ...policy.policy, operators: [...policy.policy.operators, operator] },
      signers.all(),
    )
    await policy.add(operator)
  }

  async #trustChanged(): Promise<void> {
    this.#parts.reconsider(this.#followed())
    await this.#parts.network?.sync()
  }

  async #open({ list, signature, signer }: TrustListRequest): Promise<Proposal> {
    const opened = await this.#lists.open(list, signature, signer)
    return { opened, changes: changesBy(opened.list, this.#parts.policy.policy, opened.earlier) }
  }

  #describeList({ opened, changes }: Proposal): TrustListPreview {
    const { list, fingerprint, known } = opened
    const { policy, crypto } = this.#parts
    return {
      name: list.name,
      serial: list.serial,
      signer: fingerprint,
      known,
      changes: changes.map(({ kind, operator: { id, name, groups }, before }) => ({
        kind,
        id,
        name: name ?? null,
        groups,
        before: before === undefined ? null : { name: before.name ?? null, groups: before.groups },
      })),
      token: changesToken(list, policy.policy, changes, crypto),
    }
  }

  #followed(): string[] {
    return this.#parts.projects.all().map(({ project }) => project.image)
  }

  #describe(id: OperatorId): OperatorSummary {
    const known = this.#parts.policy.policy.operators.find((operator) => operator.id === id)
    const chain = this.#parts.signers.chainOf(id, known?.card)
    const card = chain.newest
    return {
      id,
      name: known?.name ?? card?.name ?? null,
      groups: known?.groups ?? [],
      trusted: known !== undefined,
      self: id === this.#parts.identity.card.body.operator,
      version: card?.version ?? null,
      keys: card?.keys ?? [],
      expires: card === undefined ? null : chain.expires,
      contact: card?.contact ?? null,
      claims: card?.claims ?? {},
      trouble: this.#parts.logs.view().isEquivocator(id)
        ? 'two-histories'
        : (chain.trouble ?? null),
      revocations: chain.revocations,
    }
  }
}

interface Proposal {
  readonly opened: OpenedList
  readonly changes: readonly TrustChange[]
}

function parseCard(base64: string): Uint8Array {
  const bytes = parseBase64(base64)
  if (bytes === undefined) throw new ConfigError('bad-value', 'the card is not base64')
  return bytes
}

function isCard(statement: SignedStatement): statement is SignedStatement<OperatorCard> {
  return statement.body.kind === 'operator'
}

function optional<Key extends string>(
  key: Key,
  value: string | undefined,
): Partial<Record<Key, string>> {
  return value === undefined ? {} : ({ [key]: value } as Record<Key, string>)
}
