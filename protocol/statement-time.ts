/** When a statement says that it was made. Only its signer's word: never part of a verdict. */
import type { UnixSeconds } from './identifiers.ts'
import type { StatementBody } from './statement.ts'

export function statementTime(body: StatementBody): UnixSeconds {
  switch (body.kind) {
    case 'release':
      return body.announced
    case 'rebuild':
      return body.finished
    case 'commitment':
      return body.committed
    case 'withdrawal':
      return body.withdrawn
    case 'operator':
      return body.issued
  }
}
