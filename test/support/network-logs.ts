/**
 * Logs of operators whose statements several nodes of a test publish. A key has one log in a test,
 * so that nobody forks by mistake.
 */
import { onTestFinished } from 'vitest'
import type { CreatedStatement } from '../../protocol/create-statement.ts'
import { TestLog } from './logs.ts'
import { TEST_TIME, type TestOperator } from './statements.ts'

/** After all statements of the tests, and before the clocks of their nodes. */
const HEAD_TIME = TEST_TIME + 3600

interface SharedLog {
  readonly log: TestLog
  readonly sids: Set<string>
}

const logs = new Map<string, SharedLog>()

/** The log of an operator in this test, with these statements in it. */
export function sharedLog(operator: TestOperator, ...statements: CreatedStatement[]): TestLog {
  if (logs.size === 0) onTestFinished(() => logs.clear())
  const { log, sids } = logs.get(operator.id) ?? { log: new TestLog(operator), sids: new Set() }
  logs.set(operator.id, { log, sids })
  for (const statement of statements) {
    const { sid } = statement.statement
    if (!sids.has(sid)) log.add(statement)
    sids.add(sid)
  }
  return log
}

/** Later the larger a log is. */
export function headTime(log: TestLog): number {
  return HEAD_TIME + log.tree.size
}
