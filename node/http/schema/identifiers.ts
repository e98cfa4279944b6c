/** The spellings of names in the API; protocol/identifiers.ts says what each means. */
import { z } from 'zod'

export const sid = z.string().regex(/^[0-9a-f]{64}$/)
export const key = z.string().regex(/^[0-9a-f]{64}$/)
export const operatorId = z.string().regex(/^op1[a-z2-7]{52}$/)
export const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/)
export const platform = z.string().min(1)
export const image = z.string().min(1)
export const seconds = z.number().int()

/** What a caller may name: never longer than any name that exists. */
const MAX_REFERENCE_CHARACTERS = 768
export const reference = z.string().min(1).max(MAX_REFERENCE_CHARACTERS)
export const platformArgument = z.string().min(1).max(64)
