/** T21: what comes from npm is named to the digit, held to a hash, and runs no script unasked. */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

interface Package {
  readonly version: string
  readonly integrity?: string
  readonly resolved?: string
  readonly hasInstallScript?: boolean
  readonly link?: boolean
}

const read = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')) as never

const { dependencies, devDependencies, allowScripts } = read('package.json') as {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
  readonly allowScripts: Readonly<Record<string, boolean>>
}
const locked = Object.entries(read('package-lock.json').packages as Record<string, Package>).filter(
  ([path]) => path !== '',
)

describe('T21: the dependencies', () => {
  it.each(Object.entries({ ...dependencies, ...devDependencies }))(
    'name one version of %s',
    (_, version) => {
      expect(version).toMatch(/^(npm:(@[a-z0-9-]+\/)?[a-z0-9-]+@)?[0-9]+\.[0-9]+\.[0-9]+$/)
    },
  )

  it('are held to a hash in the lock file, from no place of its own', () => {
    const loose = locked.filter(
      ([, { integrity, resolved = '' }]) =>
        integrity?.startsWith('sha512-') !== true ||
        !(resolved === '' || resolved.startsWith('https://registry.npmjs.org/')),
    )
    expect(loose.map(([path]) => path)).toEqual([])
  })

  it('run a script when they are installed only where somebody has looked at it', () => {
    const scripted = locked.flatMap(([path, { hasInstallScript }]) =>
      hasInstallScript === true ? path.replace(/^.*node_modules\//, '') : [],
    )
    expect(scripted.filter((name) => allowScripts[name] !== true)).toEqual([])
  })
})
