/**
 * How up to date this node is about each trusted operator: for `status`, `explain` and the API.
 *
 * The verdict asks the same view of the logs, so that what is shown is what decided.
 */
import type { ImageName, OperatorId } from '../../protocol/identifiers.ts'
import type { OperatorLogs } from '../../protocol/log/log-view.ts'
import { rulesFor, type Policy } from '../../protocol/policy.ts'
import type { LogStatus, OperatorLogSummary } from '../http/log-summary.ts'
import type { NodeParts } from '../node-parts.ts'

export class LogStanding {
  readonly #parts: NodeParts

  constructor(parts: NodeParts) {
    this.#parts = parts
  }

  /** The whole of it: own log, clock, and each operator of the policy over every followed project. */
  status(): LogStatus {
    const { logs, projects } = this.#parts
    return {
      own: { ...logs.own.state(), copied: logs.place.isOther },
      clockBehind: logs.time.behind ?? null,
      operators: this.operators(projects.all().map(({ project }) => project.image)),
    }
  }

  /** Each operator of the policy, as far as it has spoken of these images. */
  operators(images: readonly ImageName[]): readonly OperatorLogSummary[] {
    // Once: to ask for it is to look at the file.
    const { policy } = this.#parts.policy
    return policy.operators.map(({ id, name }) => this.#describe(id, name, images, policy))
  }

  #describe(
    operator: OperatorId,
    name: string | undefined,
    images: readonly ImageName[],
    policy: Policy,
  ): OperatorLogSummary {
    const { logs, signers } = this.#parts
    const view = logs.view()
    const now = logs.time.seconds()
    // Without a project what remains is cards and heads.
    const asked = images.length === 0 ? [''] : images
    const each = asked.map((image) => ({ image, ...view.logsOf(operator, image) }))
    const missing = new Set(each.flatMap((found) => found.missing))
    const newest = each[0]?.newestHead
    const proof = each[0]?.proof
    const isFresh = each.every(({ image, completeUpTo }) => {
      const { maxAgeSeconds } = rulesFor(policy, image).rules
      return completeUpTo !== undefined && now - completeUpTo < maxAgeSeconds
    })
    return {
      operator,
      name: name ?? signers.cardOf(operator)?.name ?? null,
      newestHead: newest ?? null,
      ageSeconds: newest === undefined ? null : Math.max(0, now - newest),
      complete: missing.size === 0,
      fresh: isFresh && proof === undefined,
      missing: [...missing],
      missingStatements: Math.max(0, ...each.map((found) => found.missingStatements)),
      equivocation: proof === undefined ? null : describeProof(proof),
    }
  }
}

function describeProof({
  id,
  kind,
  origin,
  words,
}: NonNullable<OperatorLogs['proof']>): OperatorLogSummary['equivocation'] {
  return { id, kind, origin: origin.text, words }
}
