/**
 * The user's policy file: read whole, edited by block, so that what the user wrote stays.
 *
 * It is looked at each time that the policy is asked for: a user who makes it stricter while the
 * node runs is not answered under the old one, and one who breaks it is answered with an error.
 *
 * An edit is parsed before it is written: a policy that cannot be loaded never takes the place of
 * one that can.
 */
import { readFileSync, statSync } from 'node:fs'
import type { Crypto } from '../protocol/crypto.ts'
import type { OperatorId } from '../protocol/identifiers.ts'
import { parsePolicy, type Policy } from '../protocol/policy.ts'
import { PolicyError } from '../protocol/policy-error.ts'
import { writeFileAtomic } from './atomic-file.ts'
import { ConfigError } from './config-error.ts'
import { parseToml, placeIn } from './toml-file.ts'
import type { TomlPath } from './toml-place.ts'

export interface OperatorBlock {
  readonly id: OperatorId
  readonly name?: string
  readonly groups: readonly string[]
  /** Digest of the card that is pinned. */
  readonly card?: string
}

export class PolicyFile {
  readonly #path: string
  readonly #crypto: Crypto
  #policy: Policy
  #text: string
  /** Of the file that was read: a write changes it, whoever writes. */
  #mark: string
  /** Called after the file has been changed by somebody else. */
  onChange: () => void = () => undefined

  private constructor(path: string, crypto: Crypto, text: string, mark: string) {
    this.#path = path
    this.#crypto = crypto
    this.#text = text
    this.#mark = mark
    this.#policy = readPolicy(text, path, crypto)
  }

  static async load(path: string, crypto: Crypto): Promise<PolicyFile> {
    return new PolicyFile(path, crypto, readText(path), markOf(path))
  }

  /** The policy as the file has it now. Throws where it cannot be loaded. */
  get policy(): Policy {
    const mark = markOf(this.#path)
    if (mark !== this.#mark) {
      const text = readText(this.#path)
      this.#policy = readPolicy(text, this.#path, this.#crypto)
      this.#text = text
      this.#mark = mark
      queueMicrotask(() => this.onChange())
    }
    return this.#policy
  }

  /** The last policy that could be loaded: for what must go on while the user is editing. */
  get lastPolicy(): Policy {
    return this.#policy
  }

  /** Adds the operator, or replaces what is said of it. */
  async add(operator: OperatorBlock): Promise<void> {
    const known = this.policy.operators.some(({ id }) => id === operator.id)
    const rest = known ? withoutBlock(this.#text, operator.id) : this.#text
    const lines = ['[[operator]]', `id = ${JSON.stringify(operator.id)}`]
    if (operator.name !== undefined) lines.push(`name = ${JSON.stringify(operator.name)}`)
    lines.push(`groups = [${operator.groups.map((group) => JSON.stringify(group)).join(', ')}]`)
    if (operator.card !== undefined) lines.push(`card = ${JSON.stringify(operator.card)}`)
    await this.#write(`${rest.trimEnd()}\n\n${lines.join('\n')}\n`)
  }

  async remove(id: OperatorId): Promise<void> {
    if (!this.policy.operators.some((operator) => operator.id === id)) {
      throw new ConfigError('not-found', `${id} is not in the policy: see "rebuildnet trust ls"`)
    }
    await this.#write(withoutBlock(this.#text, id))
  }

  async #write(text: string): Promise<void> {
    const policy = readPolicy(text, this.#path, this.#crypto)
    await writeFileAtomic(this.#path, text)
    this.#text = text
    this.#mark = markOf(this.#path)
    this.#policy = policy
  }
}

/** Without a policy nobody is trusted, and every question is answered `unknown`. */
function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw new ConfigError('syntax', `${path} cannot be read: ${(error as Error).message}`, {
      cause: error,
    })
  }
}

/** Changes whenever the file is written or replaced. */
function markOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false, bigint: true })
  return stats === undefined
    ? 'none'
    : `${stats.ino} ${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`
}

/** Says which file it is that is wrong. */
function readPolicy(text: string, path: string, crypto: Crypto): Policy {
  const value = parseToml(text, path)
  try {
    return parsePolicy(value, crypto)
  } catch (error) {
    if (error instanceof PolicyError) throw error.in(placeIn(path, text, stepsOf(error.key)))
    throw error
  }
}

/** `operator[2].id` as steps. What is quoted in it is a name that nobody reads. */
function stepsOf(key: string): TomlPath {
  return [...key.matchAll(/[\w-]+/g)].map(([step]) => (/^[0-9]+$/.test(step) ? Number(step) : step))
}

/** The text without the `[[operator]]` block of this id; comments inside the block go with it. */
function withoutBlock(text: string, id: OperatorId): string {
  const lines = text.split('\n')
  const isHeader = (line: string): boolean => /^\s*\[/.test(line)
  const kept: string[] = []
  for (let i = 0; i < lines.length;) {
    let end = i + 1
    if (isHeader(lines[i] ?? '')) while (end < lines.length && !isHeader(lines[end] ?? '')) end++
    const block = lines.slice(i, end)
    const isOperator = /^\s*\[\[\s*operator\s*\]\]/.test(block[0] ?? '')
    const named = block.some((line) => /^\s*id\s*=/.test(line) && line.includes(id))
    if (!(isOperator && named)) kept.push(...block)
    i = end
  }
  return kept.join('\n')
}
