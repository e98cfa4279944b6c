/** Waiting for what will happen, instead of for a time in which it should have. */
import { setTimeout as wait } from 'node:timers/promises'

export interface WaitOptions {
  /** Milliseconds after which the wait has failed. */
  readonly deadlineMs?: number
}

const POLL_MS = 20
/** What takes a second takes twenty where other work has the machine; a close limit shows nothing. */
const PATIENCE_MS = 120_000

/** Resolves with the first truthy value of `condition`; throws with `what` at the deadline. */
export async function waitFor<T>(
  what: string,
  condition: () => T | Promise<T>,
  { deadlineMs = PATIENCE_MS }: WaitOptions = {},
): Promise<Exclude<T, false | null | undefined>> {
  const end = Date.now() + deadlineMs
  for (;;) {
    const value = await condition()
    if (value) return value as Exclude<T, false | null | undefined>
    if (Date.now() > end) throw new Error(`waited ${deadlineMs} ms in vain: ${what}`)
    await wait(POLL_MS)
  }
}
