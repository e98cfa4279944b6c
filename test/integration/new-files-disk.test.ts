/** On a full disk a new file comes whole or not at all: half of one would stand in the way of the next try. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { createSigningKey } from '../../node/crypto/signing-key.ts'
import { createDataFolder } from '../../node/data-folder.ts'
import { loadApiToken } from '../../node/http/api-token.ts'
import { loadPeerSeed } from '../../node/network/identity.ts'
import { createNetworkKey, loadNetworkKey } from '../../node/network/network-key.ts'
import { describeOnDisk, DISK_BYTES, temporaryDisk } from '../support/small-disk.ts'
import { writeNamedFile } from '../../cli/write-file.ts'

/** A full disk, and how to give it room again. */
function fullDisk(): { readonly path: string; makeRoom(): void } {
  const path = temporaryDisk()
  const ballast = join(path, 'ballast')
  expect(() => writeFileSync(ballast, Buffer.alloc(DISK_BYTES + 1))).toThrow('ENOSPC')
  return { path, makeRoom: () => rmSync(ballast) }
}

describeOnDisk('a disk without room', () => {
  it('leaves no half configuration to a data folder that is begun', async () => {
    const disk = fullDisk()
    const root = join(disk.path, 'data')
    await expect(createDataFolder(root)).rejects.toThrow('ENOSPC')
    disk.makeRoom()
    const folder = await createDataFolder(root)
    for (const file of [folder.config, folder.policy]) {
      expect(readFileSync(file, 'utf8')).toContain('format = 1')
    }
  })

  it.each([
    ['key of a private network', createNetworkKey, loadNetworkKey],
    ['peer key', loadPeerSeed, loadPeerSeed],
    ['signing key', createSigningKey, async () => undefined],
  ])('leaves no half %s behind', async (_what, make, load) => {
    const disk = fullDisk()
    const path = join(disk.path, 'a.key')
    await expect(make(path)).rejects.toThrow('ENOSPC')
    expect(readdirSync(disk.path)).toEqual(['ballast'])
    disk.makeRoom()
    await make(path)
    await load(path)
  })

  it('leaves no half token, with which nobody could change anything', async () => {
    const disk = fullDisk()
    await expect(loadApiToken(disk.path)).rejects.toThrow('ENOSPC')
    disk.makeRoom()
    expect(await loadApiToken(disk.path)).toMatch(/^[0-9a-f]{64}$/)
  })

  it('does not take away the file of before', async () => {
    const disk = fullDisk()
    const path = join(disk.path, 'app.bundle')
    disk.makeRoom()
    writeFileSync(path, 'before')
    const ballast = Buffer.alloc(DISK_BYTES + 1)
    expect(() => writeFileSync(join(disk.path, 'ballast'), ballast)).toThrow('ENOSPC')
    await expect(writeNamedFile(path, 'after'.repeat(2000))).rejects.toThrow('no space')
    expect(readFileSync(path, 'utf8')).toBe('before')
    expect(readdirSync(disk.path).toSorted()).toEqual(['app.bundle', 'ballast'])
  })
})
