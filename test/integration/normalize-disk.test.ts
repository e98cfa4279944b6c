/** What becomes of an image whose trees find no room on the disk for temporary files. */
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished, vi } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { ImageError } from '../../node/image/image-error.ts'
import { normalizeSource } from '../../node/image/normalizer.ts'
import { writeCrowdedImage } from '../support/crowded-image.ts'
import { describeOnDisk, DISK_BYTES, temporaryDisk } from '../support/small-disk.ts'

describeOnDisk('T23: an image read where the disk is full', () => {
  it('is an error that names the disk, and is read once there is room', async () => {
    const disk = temporaryDisk()
    const layout = await mkdtemp(join(tmpdir(), 'rebuildnet-crowded-'))
    onTestFinished(() => rm(layout, { recursive: true }))
    await writeCrowdedImage(join(layout, 'image'), { layers: 2, entries: 30_000, directories: 40 })
    const reference = `oci:${join(layout, 'image')}`
    const normalize = async () =>
      (await normalizeSource({ crypto: nodeCrypto }, { reference })).normalized.normalizedDigest
    const wanted = await normalize()

    vi.stubEnv('TMPDIR', disk)
    onTestFinished(() => void vi.unstubAllEnvs())
    await writeFile(join(disk, 'ballast'), Buffer.alloc(DISK_BYTES, 1)).catch(() => undefined)
    const refusal: unknown = await normalize().catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(ImageError)
    expect(refusal).toMatchObject({ code: 'temporary-disk-full' })
    expect((refusal as Error).message.split('\n')).toEqual([expect.stringContaining(disk)])
    expect(await readdir(disk)).toEqual(['ballast'])

    vi.unstubAllEnvs()
    expect(await normalize()).toBe(wanted)
  })
})
