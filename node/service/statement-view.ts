/** A statement as the API shows it: who said it, in one line, and whole. */
import { encodeDsse } from '../../protocol/dsse.ts'
import { parseEnvelope } from '../../protocol/envelope.ts'
import type { LevelDigest, Rebuild } from '../../protocol/rebuild.ts'
import type { SignedStatement, StatementBody } from '../../protocol/statement.ts'
import type { StatementSummary } from '../http/node-service.ts'
import type { Signers } from '../signers.ts'

export function describeStatement(
  statement: SignedStatement,
  bytes: Uint8Array,
  signers: Signers,
): StatementSummary {
  const { sid, key, body } = statement
  return {
    sid,
    kind: body.kind,
    key,
    operator: body.kind === 'operator' ? body.operator : (signers.operatorOf(key) ?? null),
    image: body.kind === 'operator' ? null : body.image,
    summary: summarize(body),
    body,
    envelope: JSON.parse(encodeDsse(parseEnvelope(bytes))) as unknown,
  }
}

function summarize(body: StatementBody): string {
  switch (body.kind) {
    case 'release':
      return `announces ${body.image} ${body.version} from commit ${body.source.commit.slice(0, 12)}`
    case 'rebuild':
      return `${summarizeRebuild(body)}${blindPart(body)} (${body.image}, ${body.platform})`
    case 'commitment':
      return `commits to a result of ${body.image}, ${body.platform}, that it does not say yet`
    case 'withdrawal':
      return `withdraws ${body.withdraws.slice(0, 12)}: ${body.reason}`
    case 'operator':
      return `operator card ${body.version} of ${body.name}`
  }
}

/** What it is beside a commitment, or beside a result from before the image was out. */
function blindPart({ reveals, completes }: Rebuild): string {
  if (reveals !== undefined) return `; as it was committed to in ${reveals.commitment.slice(0, 12)}`
  return completes === undefined ? '' : `; completes ${completes.slice(0, 12)}`
}

function summarizeRebuild({ outcome, published, differences }: Rebuild): string {
  if (outcome.kind === 'failed') return `failed at stage ${outcome.stage} (${outcome.class})`
  if (outcome.kind === 'unstable') return 'unstable: two cold builds differ'
  if ('unfetched' in published) return 'built; the published image was not read'
  if ('error' in published) return `built; the published image has no digest (${published.error})`
  if (isSame(outcome.rebuilt.normalizedDigest, published.normalizedDigest)) {
    return 'built; same as published'
  }
  const where =
    differences === undefined
      ? ''
      : ` in ${differences.count} path${differences.count === 1 ? '' : 's'}`
  return `built; DIFFERS from published${where}`
}

function isSame(a: LevelDigest, b: LevelDigest): boolean {
  return typeof a === 'string' && a === b
}
