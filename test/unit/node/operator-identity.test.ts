import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import {
  initDataFolder,
  loadOperatorIdentity,
  loadOwnCard,
} from '../../../node/operator-identity.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'rn-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function init(name: string) {
  const components = { crypto: nodeCrypto, clock: { now: () => 1_767_225_600_000 } }
  const options = { folder: join(root, name), name, contact: '', claims: {} }
  return (await initDataFolder(components, options)).folder
}

describe('the own card', () => {
  it('is read as it was made', async () => {
    const folder = await init('ada')
    const { card } = await loadOwnCard(folder, nodeCrypto)
    expect(card.body).toMatchObject({ name: 'ada', issued: 1_767_225_600 })
  })

  it('that is damaged is named with its file, wherever the damage is', async () => {
    const folder = await init('ada')
    const whole = await readFile(folder.card)
    for (const at of [0, whole.length >> 1, whole.length - 1]) {
      const bytes = Buffer.from(whole)
      bytes[at] = (bytes[at] ?? 0) ^ 1
      await writeFile(folder.card, bytes)
      await expect(loadOperatorIdentity(folder, nodeCrypto)).rejects.toMatchObject({
        name: 'ConfigError',
        message: expect.stringContaining(`${folder.card} is damaged`),
      })
    }
  })

  it('of another key is named with both files', async () => {
    const [ada, bob] = [await init('ada'), await init('bob')]
    await writeFile(ada.card, await readFile(bob.card))
    const loaded = loadOperatorIdentity(ada, nodeCrypto)
    await expect(loaded).rejects.toThrow(`${ada.card} does not list the key in ${ada.signingKey}`)
  })
})
