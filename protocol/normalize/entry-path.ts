/** Paths in a layer: one canonical spelling, relative to the root. README.md, "Paths". */
import type { ByteString } from './byte-string.ts'
import type { NormalizeLimits } from './limits.ts'
import { NormalizeError } from './normalize-error.ts'

export interface EntryPath {
  /** Empty for the root. */
  readonly components: readonly ByteString[]
  /** The components, joined by `/`. */
  readonly path: ByteString
  /** It was written as only a directory may be: it ends in `/` or `.`. */
  readonly trailingSlash: boolean
}

/** Throws NormalizeError without a place. */
export function parseEntryPath(raw: ByteString, limits: NormalizeLimits): EntryPath {
  if (raw === '') fail('path-empty', 'an empty path')
  if (raw.includes('\0')) fail('path-nul', 'a path with a NUL')
  if (raw.length > limits.maxPathBytes) {
    fail('path-too-long', `a path over ${limits.maxPathBytes} bytes`)
  }
  const written = raw.split('/')
  const last = written.at(-1)
  const components = written.filter((component) => component !== '' && component !== '.')
  for (const component of components) {
    if (component === '..') fail('path-dotdot', 'a path with ".."')
    if (component.length > limits.maxComponentBytes) {
      fail('component-too-long', `a path component over ${limits.maxComponentBytes} bytes`)
    }
  }
  if (components.length > limits.maxPathDepth) {
    fail('path-too-deep', `a path of more than ${limits.maxPathDepth} components`)
  }
  const canonical = components.length === written.length
  const path = canonical ? raw : components.join('/')
  return { components, path, trailingSlash: last === '' || last === '.' }
}

function fail(code: NormalizeError['code'], message: string): never {
  throw new NormalizeError(code, message)
}
