/**
 * One validator for all topics, which never throws.
 *
 * gossipsub ignores a message whose validator throws, and says nothing: a bug here would silently
 * censor. So a throw is caught, counted, logged as an error, and then ignored.
 */
import type { Logger } from '../../logger.ts'
import type { TopicKind } from '../topics.ts'
import type { GossipMessage, ValidationContext } from './context.ts'
import { validateHead } from './head.ts'
import { validateOperator } from './operator.ts'
import { outcomeOf, type GossipCode, type GossipOutcome } from './outcome.ts'
import { validateRebuild } from './rebuild.ts'
import { validateRelease } from './release.ts'

type Validate = (message: GossipMessage, context: ValidationContext) => Promise<GossipCode>

const VALIDATE: Readonly<Record<TopicKind, Validate>> = {
  release: validateRelease,
  rebuild: validateRebuild,
  head: validateHead,
  operator: validateOperator,
}

export class Validator {
  readonly #context: ValidationContext
  readonly #logger: Logger
  readonly #counts = new Map<GossipCode, number>()

  constructor(context: ValidationContext, logger: Logger) {
    this.#context = context
    this.#logger = logger
  }

  /** How often each code was found since the start. */
  get counts(): ReadonlyMap<GossipCode, number> {
    return this.#counts
  }

  async validate(message: GossipMessage): Promise<GossipOutcome> {
    const code = await this.#find(message)
    this.#counts.set(code, (this.#counts.get(code) ?? 0) + 1)
    const outcome = outcomeOf(code)
    if (outcome === 'reject') {
      const { peer, topic } = message
      this.#logger.warn({ peer, topic: topic.name, code }, 'a peer sent an invalid message')
    }
    return outcome
  }

  async #find(message: GossipMessage): Promise<GossipCode> {
    try {
      return await VALIDATE[message.topic.kind](message, this.#context)
    } catch (error) {
      this.#logger.error({ err: error }, 'a message could not be validated and was ignored')
      return 'internal-error'
    }
  }
}
