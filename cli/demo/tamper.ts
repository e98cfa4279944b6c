/**
 * What an attacker between the build and the registry does: one file of one layer changed, and
 * every digest above it made right again.
 */
import { createHash } from 'node:crypto'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'

interface Descriptor {
  digest: string
  size: number
}
interface Manifest {
  config: Descriptor
  layers: Descriptor[]
}
interface Index {
  manifests: Descriptor[]
}
interface Config {
  rootfs: { diff_ids: string[] }
}

const sha256 = (bytes: Uint8Array): string =>
  `sha256:${createHash('sha256').update(bytes).digest('hex')}`

/**
 * Copies the OCI layout `from` to `to` with `find` replaced by `replacement`, which must be as long,
 * in the one layer that holds it.
 */
export async function tamperLayout(
  from: string,
  to: string,
  find: string,
  replacement: string,
): Promise<void> {
  if (Buffer.byteLength(find) !== Buffer.byteLength(replacement)) {
    throw new Error('a tampered file keeps its length')
  }
  await cp(from, to, { recursive: true })
  const blob = (digest: string): string =>
    join(to, 'blobs', 'sha256', digest.slice('sha256:'.length))
  const load = async <T>(digest: string): Promise<T> =>
    JSON.parse(await readFile(blob(digest), 'utf8')) as T
  const save = async (bytes: Uint8Array): Promise<Descriptor> => {
    const digest = sha256(bytes)
    await writeFile(blob(digest), bytes)
    return { digest, size: bytes.length }
  }
  const saveJson = (value: unknown): Promise<Descriptor> => save(Buffer.from(JSON.stringify(value)))

  const index = JSON.parse(await readFile(join(to, 'index.json'), 'utf8')) as Index
  const [entry] = index.manifests
  if (entry === undefined) throw new Error(`${from} holds no image`)
  const manifest = await load<Manifest>(entry.digest)
  const config = await load<Config>(manifest.config.digest)
  for (const [i, layer] of manifest.layers.entries()) {
    const tar = gunzipSync(await readFile(blob(layer.digest)))
    const at = tar.indexOf(find)
    if (at < 0) continue
    tar.write(replacement, at)
    config.rootfs.diff_ids[i] = sha256(tar)
    Object.assign(layer, await save(gzipSync(tar)))
    Object.assign(manifest.config, await saveJson(config))
    Object.assign(entry, await saveJson(manifest))
    await writeFile(join(to, 'index.json'), JSON.stringify(index))
    return
  }
  throw new Error(`no layer holds ${JSON.stringify(find)}`)
}
