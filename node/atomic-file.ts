/** A file comes whole or not at all. */
import { open, rename, rm } from 'node:fs/promises'

const OWNER_ONLY = 0o600

/** Replaces what is there: temporary file, fsync, rename. */
export async function writeFileAtomic(
  path: string,
  content: string | Uint8Array,
  mode = OWNER_ONLY,
): Promise<void> {
  const temporary = `${path}.${process.pid}.tmp`
  try {
    const file = await open(temporary, 'w', mode)
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** Makes a new file, for its owner alone; fails with EEXIST where one is there. */
export async function createFile(path: string, content: string | Uint8Array): Promise<void> {
  const file = await open(path, 'wx', OWNER_ONLY)
  try {
    await file.writeFile(content)
    await file.sync()
  } catch (error) {
    // Half of it would stand in the way of the next try.
    await rm(path, { force: true })
    throw error
  } finally {
    await file.close()
  }
}
