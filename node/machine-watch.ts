/**
 * Stops this node from voting where its machine seems to be at fault, until its operator has looked.
 *
 * Asked before an unstable result is said, and whenever others have said more about an input that
 * this node found unstable before. From the moment on nothing is built and nothing is signed about a
 * build; what was built and not said is dropped, and built anew when the operator resumes.
 */
import type { Digest, ImageName, Platform, Sid } from '../protocol/identifiers.ts'
import { rulesFor } from '../protocol/policy.ts'
import type { Answer } from '../protocol/verdict/answer.ts'
import type { Logger } from './logger.ts'
import { agreementOfOthers, doubtWords } from './machine-doubt.ts'
import type { NodeParts } from './node-parts.ts'
import { ownStatements } from './own-statements.ts'

type Parts = Pick<
  NodeParts,
  | 'alerts'
  | 'gate'
  | 'identity'
  | 'journal'
  | 'logs'
  | 'policy'
  | 'queue'
  | 'signers'
  | 'store'
  | 'tally'
>

/** Name in the store of the unstable results that the operator has looked at. */
const SEEN = 'queue voting-seen'

export class MachineWatch {
  readonly #parts: Parts
  readonly #logger: Logger

  constructor(parts: Parts, logger: Logger) {
    this.#parts = parts
    this.#logger = logger
  }

  /** After the gate and the alerts. */
  async load(): Promise<void> {
    await this.#tell()
  }

  /** True where it is this machine: then voting has stopped. */
  async doubts(image: ImageName, digest: Digest | undefined, platform: Platform): Promise<boolean> {
    // Of an image that is not out nobody has said what it gives; it is asked when they do.
    if (digest === undefined) return false
    return this.#judge(await this.#parts.tally.answer({ repository: image, digest, platform }))
  }

  /** An answer has changed. */
  async consider(answer: Answer): Promise<void> {
    if (answer.inputDigest === undefined || this.#parts.gate.votingStop !== undefined) return
    if (this.#agreement(answer) === undefined) return
    const seen = await this.#seen()
    const unstable = await this.#ownUnstable()
    const isMine = unstable.some(
      ({ sid, inputDigest }) => inputDigest === answer.inputDigest && !seen.has(sid),
    )
    if (isMine) await this.#judge(answer)
  }

  /** The operator has looked: what is known to be unstable now stops it no more. */
  async resume(): Promise<void> {
    const { gate, journal, store } = this.#parts
    const unstable = await this.#ownUnstable()
    await store.meta.put(
      SEEN,
      unstable.map(({ sid }) => sid),
      { sync: true },
    )
    await journal.dropAll()
    await gate.resumeVoting()
    await this.#tell()
  }

  async #judge(answer: Answer): Promise<boolean> {
    const agreement = this.#agreement(answer)
    if (agreement === undefined) return false
    const { gate, journal, queue } = this.#parts
    const words = doubtWords(answer, agreement)
    this.#logger.error({ image: answer.image, platform: answer.platform }, words)
    await gate.stopVoting([words])
    await this.#tell()
    // The attempt that asks is one of those that are put back: it is not waited for.
    void queue
      .putBack()
      .then(() => journal.dropAll())
      .catch((error: unknown) => {
        this.#logger.error({ error: String(error) }, 'what was built was not dropped')
      })
    return true
  }

  #agreement(answer: Answer): ReturnType<typeof agreementOfOthers> {
    const { identity, policy } = this.#parts
    const { maxDissent } = rulesFor(policy.lastPolicy, answer.image).rules
    return agreementOfOthers(answer, identity.card.body.operator, maxDissent)
  }

  /** Own results that two cold builds differ, and that were not taken back. */
  async #ownUnstable(): Promise<readonly { readonly sid: Sid; readonly inputDigest: string }[]> {
    const own = await ownStatements(this.#parts)
    const dead = new Set(
      own.flatMap(({ body }) =>
        body.kind === 'rebuild'
          ? body.supersedes
          : body.kind === 'withdrawal'
            ? [body.withdraws]
            : [],
      ),
    )
    return own.flatMap(({ sid, body }) => {
      const isUnstable = body.kind === 'rebuild' && body.outcome.kind === 'unstable'
      return isUnstable && !dead.has(sid) ? [{ sid, inputDigest: body.inputDigest }] : []
    })
  }

  async #seen(): Promise<ReadonlySet<Sid>> {
    return new Set(((await this.#parts.store.meta.get(SEEN)) ?? []) as readonly Sid[])
  }

  async #tell(): Promise<void> {
    const { alerts, gate, identity, logs } = this.#parts
    const { votingStop } = gate
    const { operator } = identity.card.body
    const reasons = votingStop?.reasons ?? []
    await alerts.observeOperators(
      'unstable-machine',
      votingStop === undefined ? [] : [{ operator, reasons }],
      logs.time.seconds(),
    )
  }
}
