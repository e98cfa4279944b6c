/** Why a policy is refused: a closed set of codes, and the key at fault. protocol/verdict/README.md. */

export type PolicyErrorCode =
  | 'not-a-table'
  | 'unknown-key'
  | 'missing-key'
  | 'wrong-type'
  | 'out-of-range'
  | 'bad-value'
  | 'newer-format'
  /** k < 1: nobody would have to agree. */
  | 'threshold-too-small'
  /** d ≥ k: as many could disagree as must agree. */
  | 'dissent-not-below-threshold'
  /** Under 24 h, every operator that sleeps at night is silent. */
  | 'max-age-too-short'
  | 'duplicate-operator'
  /** One key listed by two operators of the policy: one party would have two votes. */
  | 'shared-key'

export class PolicyError extends Error {
  override readonly name = 'PolicyError'
  readonly code: PolicyErrorCode
  /** The key at fault, such as `image[0].accept`; empty for the policy as a whole. */
  readonly key: string

  readonly #what: string

  constructor(code: PolicyErrorCode, key: string, message: string, where = 'policy') {
    super(`${where}${key === '' ? '' : `: ${key}`} ${message}`)
    this.code = code
    this.key = key
    this.#what = message
  }

  /** The same, with the name of the file that the policy was read from. */
  in(file: string): PolicyError {
    return new PolicyError(this.code, this.key, this.#what, file)
  }
}
