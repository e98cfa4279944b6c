import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createNetworkKey, loadNetworkKey } from '../../../../node/network/network-key.ts'
import { temporaryFolder } from '../../../support/temporary-store.ts'

test('a key that is made can be read, by its owner alone', async () => {
  const path = join(await temporaryFolder(), 'network.key')
  await createNetworkKey(path)
  const text = await readFile(path, 'utf8')
  expect(text).toMatch(/^\/key\/swarm\/psk\/1\.0\.0\/\n\/base16\/\n[0-9a-f]{64}\n$/)
  expect(Buffer.from(await loadNetworkKey(path)).toString()).toBe(text.trimEnd())
  expect((await stat(path)).mode & 0o777).toBe(0o600)
})

test('a key that is there is not overwritten', async () => {
  const path = join(await temporaryFolder(), 'network.key')
  await createNetworkKey(path)
  const text = await readFile(path, 'utf8')
  await expect(createNetworkKey(path)).rejects.toMatchObject({ code: 'network-key' })
  expect(await readFile(path, 'utf8')).toBe(text)
})

test.each([
  ['what is no key', 'secret\n', 0o600],
  ['half a key', `/key/swarm/psk/1.0.0/\n/base16/\n${'a'.repeat(32)}\n`, 0o600],
  ['a key that others can read', `/key/swarm/psk/1.0.0/\n/base16/\n${'a'.repeat(64)}\n`, 0o640],
])('%s is refused in one line', async (_, text, mode) => {
  const path = join(await temporaryFolder(), 'network.key')
  await writeFile(path, text)
  await chmod(path, mode)
  const error = await loadNetworkKey(path).catch((e: unknown) => e as Error)
  expect(error).toMatchObject({ name: 'NetworkError', code: 'network-key' })
  expect((error as Error).message).toMatch(/^network key [^\n]+$/)
})
