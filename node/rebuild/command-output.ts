/** What a program of the builder `command` leaves, read as what a stranger wrote. */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Material } from '../../protocol/rebuild.ts'
import { BuildError } from './build-error.ts'

const MAX_BYTES = 1024 * 1024

/** Throws BuildError unless the OCI layout holds one manifest. */
export async function readSingleManifest(layout: string): Promise<void> {
  const index = await readJson(join(layout, 'index.json'))
  const manifests = (index as { manifests?: unknown } | null)?.manifests
  if (Array.isArray(manifests) && manifests.length === 1) return
  throw wrong('the OCI layout holds not one manifest')
}

/** The materials in `path`: a JSON array of `{"uri": "docker://…", "digest": "sha256:…"}`. */
export async function parseMaterials(path: string): Promise<readonly Material[]> {
  const value = await readJson(path)
  if (!Array.isArray(value)) throw wrong('the materials are no list')
  return value.map((each: unknown) => {
    const { uri, digest } = (each ?? {}) as Readonly<Record<string, unknown>>
    if (typeof uri !== 'string' || !/^[a-z][a-z0-9+.-]*:[!-~]{1,400}$/.test(uri)) {
      throw wrong(`a material has the uri ${JSON.stringify(uri)}`)
    }
    if (typeof digest !== 'string' || !/^sha256:[0-9a-f]{64}$/.test(digest)) {
      throw wrong(`the material ${uri} has the digest ${JSON.stringify(digest)}`)
    }
    return { uri, digest: digest }
  })
}

async function readJson(path: string): Promise<unknown> {
  try {
    if ((await stat(path)).size > MAX_BYTES) throw new Error('over 1 MiB')
    return JSON.parse(await readFile(path, 'utf8')) as unknown
  } catch (cause) {
    throw wrong(`${path.split('/').at(-1)} cannot be read`, cause)
  }
}

function wrong(what: string, cause?: unknown): BuildError {
  return new BuildError(
    'builder-failed',
    `the builder's program says that it built, and ${what}: docker/BUILDERS.md has its contract`,
    { cause },
  )
}
