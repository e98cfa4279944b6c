/** A statement that has been opened: its signature verified, its payload parsed. protocol/README.md. */
import type { Commitment } from './blind/commitment.ts'
import type { KeyHex, Sid } from './identifiers.ts'
import type { OperatorCard } from './operator-card.ts'
import type { Rebuild } from './rebuild.ts'
import type { Release } from './release.ts'
import type { Withdrawal } from './withdrawal.ts'

export type StatementKind = 'release' | 'rebuild' | 'commitment' | 'withdrawal' | 'operator'

export type StatementBody = Release | Rebuild | Commitment | Withdrawal | OperatorCard

export interface SignedStatement<Body extends StatementBody = StatementBody> {
  readonly sid: Sid
  /** The key whose signature has been verified. */
  readonly key: KeyHex
  readonly body: Body
}
