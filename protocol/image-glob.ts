/** Patterns of image names: `*` is any run of characters but `/`, `**` any run at all. */

const GLOB = /^(?:[a-z0-9._/:[\]-]|\*{1,2}(?!\*))+$/
const MAX_GLOB_LENGTH = 255

export function isImageGlob(text: string): boolean {
  return text.length <= MAX_GLOB_LENGTH && GLOB.test(text)
}

export function matchesImageGlob(glob: string, image: string): boolean {
  const parts = glob.split(/(\*+)/).map((part) => {
    if (part === '*') return '[^/]*'
    if (part === '**') return '.*'
    return part.replace(/[.[\]]/g, '\\$&')
  })
  return new RegExp(`^${parts.join('')}$`).test(image)
}
