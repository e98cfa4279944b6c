import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createLogger } from '../../../../node/logger.ts'
import { Anchors } from '../../../../node/network/anchors.ts'
import { temporaryFolder } from '../../../support/temporary-store.ts'

const PEER = '12D3KooWGXnU5JDGw69YdsNxuSYRi6CgZGnRcMnySNgWmJz9VVBZ'
const at = (host: number): string => `/ip4/192.0.2.${host}/tcp/4801/p2p/${PEER}`

async function load(path: string): Promise<string[][]> {
  const anchors = await new Anchors(path, createLogger('silent')).load()
  return anchors.map((addresses) => addresses.map((address) => address.toString()))
}

test('the first four are remembered', async () => {
  const path = join(await temporaryFolder(), 'anchors.json')
  await new Anchors(path, createLogger('silent')).save([1, 2, 3, 4, 5].map((i) => [at(i)]))
  expect(await load(path)).toEqual([[at(1)], [at(2)], [at(3)], [at(4)]])
})

test('who has no peers at the end still knows those from before', async () => {
  const path = join(await temporaryFolder(), 'anchors.json')
  const anchors = new Anchors(path, createLogger('silent'))
  await anchors.save([[at(1)]])
  await anchors.save([])
  expect(await load(path)).toEqual([[at(1)]])
})

test('a folder that cannot be written costs only the memory', async () => {
  const path = join(await temporaryFolder(), 'absent', 'anchors.json')
  await new Anchors(path, createLogger('silent')).save([[at(1)]])
  await expect(readFile(path)).rejects.toMatchObject({ code: 'ENOENT' })
  expect(await load(path)).toEqual([])
})
