/** An error in reading an image as a person needs it told: which image, and what to do then. */
import { isFamilyError } from '../node/http/problem.ts'
import { PROFILE_ERROR_CODES } from '../protocol/normalize/normalize-error.ts'
import { DEFAULT_PROFILE } from '../protocol/normalize/profile.ts'
import { hintAtFile } from './local-image.ts'

const LOCAL = /^(oci|oci-archive|docker-archive):/

/** What to do about an image whose bytes are at fault. */
const THEN = {
  registry: 'fetch it again, or tell who published it',
  local: 'check that the copy here is whole, or tell who made it',
} as const

const OF_THE_PROFILE: ReadonlySet<string> = new Set(PROFILE_ERROR_CODES)

/** Passes on what went wrong with `image`, a reference or, with `isLayer`, the file of a layer. */
export function failedImage(image: string, isLayer = false): (error: unknown) => never {
  const then = isLayer || LOCAL.test(image) ? THEN.local : THEN.registry
  return (error) => {
    // An error in the bytes of an image says where in it, and not in which.
    if (isFamilyError(error) && error.name === 'NormalizeError') {
      error.message = OF_THE_PROFILE.has(error.code)
        ? `--profile: ${error.message}: leave it out for ${DEFAULT_PROFILE.id}, or write one as the project's recipe does`
        : `${image} cannot be normalized: ${error.message}: ${then}`
    }
    if (!isLayer) hintAtFile(image, error)
    throw error
  }
}
