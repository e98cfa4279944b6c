/** The platform that a config, or a descriptor of an index, names in fields of its own. */
import { isJsonObject, type JsonValue } from '../json.ts'
import { encodePlatform, isPlatform } from '../platform.ts'
import { member } from './image-json.ts'
import { NormalizeError } from './normalize-error.ts'

/** `os/arch[/variant]`, arm64 without `v8`. Throws NormalizeError. */
export function parsePlatformFields(value: JsonValue): string {
  if (!isJsonObject(value)) throw new NormalizeError('platform', 'a platform that is no object')
  const os = member(value, 'os')
  const architecture = member(value, 'architecture')
  const variant = member(value, 'variant') ?? ''
  if (typeof os === 'string' && typeof architecture === 'string' && typeof variant === 'string') {
    const platform = encodePlatform({ os, architecture, variant })
    // "linux" with "arm/v7" must not read as "linux/arm" with "v7".
    const parts = [os, architecture, variant]
    if (isPlatform(platform) && !parts.some((part) => part.includes('/'))) return platform
  }
  throw new NormalizeError(
    'platform',
    'an os, architecture or variant that is missing or malformed',
  )
}
