/** Puts an image that a test has made into a registry. */
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeLayout, type TestImage } from './oci-image.ts'

/** `name`: `HOST/REPOSITORY:TAG`; resolves to the same with the digest behind it. */
export async function publishImage(image: TestImage, name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rebuildnet-publish-'))
  try {
    await writeLayout(folder, { made: image })
    const options = ['--quiet', '--insecure-policy', '--preserve-digests']
    const copied = spawnSync(
      'skopeo',
      ['copy', ...options, '--dest-tls-verify=false', `oci:${folder}:made`, `docker://${name}`],
      { encoding: 'utf8' },
    )
    if (copied.status !== 0) throw new Error(copied.stderr)
    return `${name}@${image.digest}`
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
