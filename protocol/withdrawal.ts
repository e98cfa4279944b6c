/**
 * The `withdrawal` statement: an announcer takes back a release, a rebuilder a result. Withdrawals
 * cannot be withdrawn, and nothing is deleted. protocol/README.md.
 */
import type { Field } from './field.ts'
import type { ImageName, Sid, UnixSeconds } from './identifiers.ts'
import { isSid } from './identifiers.ts'
import { isImageName } from './image-name.ts'
import type { JsonObject } from './json.ts'
import { MAX_TIME } from './recipe.ts'
import { statementSubject, type Subject } from './subject.ts'

export interface Withdrawal {
  readonly kind: 'withdrawal'
  readonly image: ImageName
  readonly withdraws: Sid
  readonly reason: string
  readonly withdrawn: UnixSeconds
}

export function parseWithdrawal(predicate: Field): Withdrawal {
  return {
    kind: 'withdrawal',
    image: predicate.at('image').spelled(isImageName, 'an image name (host/path)'),
    withdraws: predicate.at('withdraws').spelled(isSid, 'a statement id'),
    reason: predicate.at('reason').text(1024),
    withdrawn: predicate.at('withdrawn').integer(0, MAX_TIME),
  }
}

export function encodeWithdrawal(withdrawal: Withdrawal): JsonObject {
  const { image, withdraws, reason, withdrawn } = withdrawal
  return { image, withdraws, reason, withdrawn }
}

export function withdrawalSubjects(withdrawal: Withdrawal): Subject[] {
  return [statementSubject(withdrawal.image, withdrawal.withdraws)]
}
