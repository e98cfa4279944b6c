import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'

const network = new URL('../../../../node/network/network.ts', import.meta.url).href

test('the network can be imported without loading libp2p', () => {
  const script = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({
      load(url, context, next) {
        loaded.push(url)
        return next(url, context)
      },
    })
    await import(${JSON.stringify(network)})
    console.log(JSON.stringify(loaded.filter((url) => url.includes('/node_modules/'))))
  `
  const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
    encoding: 'utf8',
  })
  const packages = (JSON.parse(output) as string[]).map(
    (url) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(url)?.[1],
  )
  expect(packages.filter((name) => name?.includes('libp2p'))).toEqual([])
})
