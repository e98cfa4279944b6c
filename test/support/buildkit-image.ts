/**
 * An image of BuildKit, as its project publishes one: buildkitd, buildctl, buildkit-runc and a shell.
 *
 * Made of what the tests have built themselves and of this machine's runc and busybox, since the real
 * one cannot be fetched everywhere. Put into a registry, so that it is pinned and pulled like the real.
 */
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { findTool } from '../../node/system/packages.ts'
import { makeImage } from './oci-image.ts'
import { publishImage } from './publish-image.ts'

const SHELL = ['cat', 'grep', 'mkdir', 'mount', 'sed', 'sh', 'umount']

/** The reference by which a recipe pins it: `HOST/moby/buildkit:vVERSION@sha256:…`. */
export async function publishBuildKit(
  kit: { readonly folder: string; readonly version: string },
  registry: string,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'rebuildnet-kit-'))
  try {
    const root = join(folder, 'root')
    layOutRoot(root, kit.folder)
    const packed = spawnSync('tar', ['--sort=name', '-C', root, '-cf', '-', '.'], {
      maxBuffer: 1 << 29,
    })
    const image = makeImage({
      layers: [{ tar: packed.stdout }],
      config: { config: { Entrypoint: ['buildkitd'], Env: ['PATH=/usr/bin:/bin'] } },
    })
    return await publishImage(image, `${registry}/moby/buildkit:v${kit.version}`)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function layOutRoot(root: string, programs: string): void {
  const put = (from: string, to: string): void => {
    mkdirSync(dirname(join(root, to)), { recursive: true })
    copyFileSync(from, join(root, to))
  }
  const runc = findTool('runc') ?? ''
  for (const name of ['buildkitd', 'buildctl']) put(join(programs, name), `usr/bin/${name}`)
  put(runc, 'usr/bin/buildkit-runc')
  const { stdout: libraries } = spawnSync('ldd', [runc], { encoding: 'utf8' })
  for (const [library] of libraries.matchAll(/\/\S+/g)) put(library, library)
  put(findTool('busybox') ?? '', 'bin/busybox')
  for (const name of SHELL) symlinkSync('busybox', join(root, 'bin', name))
  for (const name of ['etc/ssl/certs', 'run', 'tmp', 'var/lib/buildkit']) {
    mkdirSync(join(root, name), { recursive: true })
  }
}
