/**
 * Whether this node builds an input now, or leaves it to other volunteers first.
 *
 * They are those of the user's policy that have said something about the project in the last 90 days,
 * and this node: nobody else could be waited for with reason, and no crowd of strangers can make
 * honest nodes wait. Policies differ, and so may what nodes think of each other; the worst that comes
 * of it is that some build more or later. Whoever is not among the first builds after a time, unless
 * enough have by then and agree. Nothing about votes changes.
 */
import type { Commitment } from '../protocol/blind/commitment.ts'
import type { InputDigest, OperatorId, UnixSeconds } from '../protocol/identifiers.ts'
import type { Project } from '../protocol/project.ts'
import type { Rebuild } from '../protocol/rebuild.ts'
import { replicaOrder, replicaTurn } from '../protocol/replica.ts'
import { unixSeconds } from './clock.ts'
import type { NodeParts } from './node-parts.ts'
import type { AttemptEnd } from './rebuild/queue.ts'
import type { VotingLevel } from './rebuild/settlement.ts'
import type { QueueItem } from './rebuild/queue-item.ts'

const ACTIVE_SECONDS = 90 * 86_400

type Parts = Pick<
  NodeParts,
  'clock' | 'config' | 'crypto' | 'identity' | 'logs' | 'policy' | 'signers' | 'store'
>

interface Work {
  readonly item: Pick<QueueItem, 'added' | 'asked'>
  readonly inputDigest: InputDigest
  /** At which results meet. */
  readonly level: VotingLevel
}

/** How the attempt ends without building; undefined where it is this node's turn. */
export async function leftToOthers(
  parts: Parts,
  { image, replicas }: Pick<Project, 'image' | 'replicas'>,
  { item, inputDigest, level }: Work,
): Promise<AttemptEnd | undefined> {
  if (replicas === undefined || item.asked === true) return undefined
  const { clock, config, crypto, identity } = parts
  const self = identity.card.body.operator
  const volunteers = await volunteersOf(parts, image)
  const turn = replicaTurn(replicaOrder(inputDigest, [...volunteers, self], crypto), self, replicas)
  if (turn === 0) return undefined
  const said = await resultsOf(parts, { inputDigest, level }, self)
  if (said.operators >= replicas && said.agree) {
    const reason = `${said.operators} others have rebuilt it (its project asks for ${replicas})`
    return { kind: 'left-to-others', reason }
  }
  // Others that disagree are no reason to wait: one more voice is.
  const until = said.agree ? item.added + turn * config.build.replicaWaitSeconds : item.added
  if (until <= unixSeconds(clock)) return undefined
  return { kind: 'later', until, reason: `${replicas} others are to build it first` }
}

/** Operators of the policy that have voted on the project lately, as their logs say. */
async function volunteersOf(
  { clock, logs, policy, signers, store }: Parts,
  image: string,
): Promise<ReadonlySet<OperatorId>> {
  const trusted = new Set(policy.lastPolicy.operators.map(({ id }) => id))
  const view = logs.view()
  const since = unixSeconds(clock) - ACTIVE_SECONDS
  const found = new Set<OperatorId>()
  const statements = [
    ...(await store.statements.ofImage(image, 'rebuild')),
    ...(await store.statements.ofImage(image, 'commitment')),
  ]
  for (const { sid, key, body } of statements) {
    const operator = signers.operatorOf(key)
    if (operator === undefined || !trusted.has(operator) || found.has(operator)) continue
    const said: UnixSeconds = body.kind === 'rebuild' ? body.finished : body.committed
    if (said >= since && view.isCounted(sid, key, operator)) found.add(operator)
  }
  return found
}

/** How many others of the policy have said or promised something of the input, and whether they agree. */
async function resultsOf(
  { logs, policy, signers, store }: Parts,
  { inputDigest, level }: Omit<Work, 'item'>,
  self: OperatorId,
): Promise<{ readonly operators: number; readonly agree: boolean }> {
  const trusted = new Set(policy.lastPolicy.operators.map(({ id }) => id))
  const view = logs.view()
  const statements = (await store.statements.ofInput(inputDigest)).filter(({ sid, key, body }) => {
    const operator = signers.operatorOf(key)
    if (operator === undefined || operator === self || !trusted.has(operator)) return false
    return view.isCounted(sid, key, operator) && !isInconclusive(body)
  })
  const dead = new Set(
    statements.flatMap(({ body }) => (body.kind === 'rebuild' ? body.supersedes : [])),
  )
  const live = statements.filter(({ sid }) => !dead.has(sid))
  const results = live.flatMap(({ body }) =>
    body.kind === 'rebuild' ? [resultText(body, level)] : [],
  )
  return {
    operators: new Set(live.map(({ key }) => signers.operatorOf(key))).size,
    agree: new Set(results).size <= 1,
  }
}

/** A full disk says nothing about the image. */
function isInconclusive(body: Rebuild | Commitment): boolean {
  return (
    body.kind === 'rebuild' &&
    body.outcome.kind === 'failed' &&
    body.outcome.class === 'infrastructure'
  )
}

function resultText({ outcome }: Rebuild, level: VotingLevel): string {
  if (outcome.kind !== 'built') return outcome.kind
  const { normalizedDigest, rootfsDigest } = outcome.rebuilt
  return JSON.stringify(level === 'normalized' ? normalizedDigest : rootfsDigest)
}
