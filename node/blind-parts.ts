/** What blind votes need of the other parts of a node. */
import { randomBytes } from 'node:crypto'
import { rulesFor } from '../protocol/policy.ts'
import { BlindVotes, type PromisedVote } from './blind-votes.ts'
import type { Logger } from './logger.ts'
import type { NodeParts } from './node-parts.ts'

export function makeBlindVotes(parts: NodeParts, logger: Logger): BlindVotes {
  const { config, store, crypto, clock, policy } = parts
  return new BlindVotes(
    {
      // The store checks what it reads, and only this part writes here.
      table: store.blind.as((value) => value as PromisedVote),
      statements: store.statements,
      crypto,
      clock,
      logger,
      key: () => parts.identity.key.publicKey,
      operatorOf: (key) => parts.signers.operatorOf(key),
      isLogged: ({ sid, key }, operator) => parts.logs.view().isCounted(sid, key, operator),
      trusted: (image) => ({
        operators: new Set(policy.lastPolicy.operators.map(({ id }) => id)),
        threshold: rulesFor(policy.lastPolicy, image).rules.threshold,
      }),
      publish: (body) => parts.publish(body),
      mayVote: () => parts.gate.votingStop === undefined,
      randomBytes,
      later: (work, ms) => {
        const timer = setTimeout(work, ms)
        timer.unref()
        return () => clearTimeout(timer)
      },
    },
    {
      enabled: config.blindVotes,
      waitSeconds: config.blindWaitSeconds,
      settleSeconds: config.blindSettleSeconds,
      ...(config.blindCommitments === undefined ? {} : { commitments: config.blindCommitments }),
    },
  )
}
