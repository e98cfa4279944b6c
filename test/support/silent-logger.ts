import type { Logger } from '../../node/logger.ts'

const ignore = (): void => undefined

/** For tests in which nothing is to be logged, or nobody looks. */
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore }
