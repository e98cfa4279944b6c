/**
 * Platforms, in one spelling: `os/arch[/variant]`, lower case.
 *
 * OCI writes arm64 with variant v8 or with none, for the same machine; here it has none.
 */
import type { Platform } from './identifiers.ts'

export interface PlatformParts {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
}

const PART = /^[a-z0-9][a-z0-9._-]{0,31}$/

/** The parts of a canonical platform, or undefined where `text` is not one. */
export function parsePlatform(text: string): PlatformParts | undefined {
  const parts = text.split('/')
  const [os, architecture, variant] = parts
  if (os === undefined || architecture === undefined || parts.length > 3) return undefined
  if (!parts.every((part) => PART.test(part))) return undefined
  if (variant === undefined) return { os, architecture }
  if (architecture === 'arm64' && variant === 'v8') return undefined
  return { os, architecture, variant }
}

export function isPlatform(text: string): boolean {
  return parsePlatform(text) !== undefined
}

/** The canonical spelling of what an image config or an index descriptor says. */
export function encodePlatform(parts: PlatformParts): Platform {
  const { os, architecture, variant } = parts
  const noVariant =
    variant === undefined || variant === '' || (architecture === 'arm64' && variant === 'v8')
  return noVariant ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`
}
