/** What buildctl prints of a daemon. */

/** The version in `buildctl debug info`, without its `v`. */
export function parseInfo(text: string): string | undefined {
  return /^BuildKit:\s+\S+\s+v?(\d+\.\d+\S*)/m.exec(text)?.[1]
}

/** The platforms in `buildctl debug workers`, that of the machine itself first. */
export function parsePlatforms(text: string): readonly string[] {
  const [, row = ''] = text.trim().split('\n')
  const platforms = row.trim().split(/\s+/).at(-1) ?? ''
  return platforms.split(',').filter((each) => /^[a-z0-9]+\/[a-z0-9]+(?:\/[a-z0-9]+)?$/.test(each))
}
