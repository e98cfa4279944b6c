import type { StatementErrorCode } from '../../../protocol/statement-error.ts'

/** Name, the code that opening must give, and the binary form. */
export type InvalidRow = readonly [name: string, code: StatementErrorCode, bytes: Uint8Array]
