import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { chooseDataFolder, createDataFolder, openDataFolder } from '../../../node/data-folder.ts'
import { temporaryFolder } from '../../support/temporary-store.ts'

describe('the data folder', () => {
  it('is made with what is missing above it, for its owner alone', async () => {
    const root = join(await temporaryFolder(), 'a', 'b')
    const folder = await createDataFolder(root)
    for (const path of [root, folder.projects, folder.work]) {
      expect((await stat(path)).mode & 0o777).toBe(0o700)
    }
    expect((await stat(folder.policy)).mode & 0o777).toBe(0o600)
  })

  it('is refused in one line where it cannot be, also where mkdir would never return', async () => {
    const file = join(await temporaryFolder(), 'file')
    await writeFile(file, '')
    for (const root of ['/proc/rebuildnet', join(file, 'x'), file]) {
      await expect(createDataFolder(root)).rejects.toMatchObject({
        name: 'ConfigError',
        code: 'no-data-folder',
      })
    }
  })

  it('is not taken for one before init has made its key', async () => {
    await expect(openDataFolder(await temporaryFolder())).rejects.toThrow(/rebuildnet init/)
  })

  it('that has lost its key is not to be made anew: the key comes from a backup', async () => {
    const { root } = await createDataFolder(await temporaryFolder())
    await expect(openDataFolder(root)).rejects.toThrow(/signing\.key is missing: restore it/)
  })

  it('is what the flag says, else the environment, else the place for such data', () => {
    expect(chooseDataFolder('/x', { REBUILDNET_DATA: '/y' })).toBe('/x')
    expect(chooseDataFolder(undefined, { REBUILDNET_DATA: '/y', XDG_DATA_HOME: '/z' })).toBe('/y')
    expect(chooseDataFolder(undefined, { XDG_DATA_HOME: '/z' })).toBe('/z/rebuildnet')
    expect(chooseDataFolder(undefined, { HOME: '/h' })).toBe('/h/.local/share/rebuildnet')
  })
})
