import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { loadPeerSeed } from '../../../../node/network/identity.ts'
import { temporaryFolder } from '../../../support/temporary-store.ts'

test('makes a key once, for its owner alone, and finds it again', async () => {
  const path = join(await temporaryFolder(), 'keys', 'peer.key')
  const seed = await loadPeerSeed(path)
  expect(seed).toHaveLength(32)
  expect(await loadPeerSeed(path)).toEqual(seed)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect(await readFile(path, 'utf8')).toBe(
    `rebuildnet-peer-key/1 ${Buffer.from(seed).toString('hex')}\n`,
  )
})

test('a key that others can read is refused, with the command that mends it', async () => {
  const path = join(await temporaryFolder(), 'peer.key')
  await loadPeerSeed(path)
  await chmod(path, 0o640)
  await expect(loadPeerSeed(path)).rejects.toMatchObject({
    code: 'peer-key',
    message: expect.stringContaining(`chmod 600 ${path}`) as string,
  })
})

test.each(['', 'rebuildnet-peer-key/2 00', 'nonsense', `rebuildnet-peer-key/1 ${'0'.repeat(63)}`])(
  'a file that holds "%s" is refused, and kept',
  async (text) => {
    const path = join(await temporaryFolder(), 'peer.key')
    await writeFile(path, text, { mode: 0o600 })
    await expect(loadPeerSeed(path)).rejects.toMatchObject({ code: 'peer-key' })
    expect(await readFile(path, 'utf8')).toBe(text)
  },
)
