/** The logger port; pino implements it. Diagnostics go to standard error, never to standard output. */
import { pino } from 'pino'

export interface Logger {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug'

export function createLogger(level: LogLevel): Logger {
  return pino({ name: 'rebuildnet', level }, pino.destination({ fd: 2, sync: false }))
}
