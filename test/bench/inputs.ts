/** What is measured: layers of a Debian root, and OCI layouts of them. Made once, and kept. */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { access, link, mkdir, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

export type Compression = 'gzip' | 'zstd' | 'plain'

export interface Input {
  readonly name: string
  readonly compression: Compression
  /** Stored layers. */
  readonly files: readonly string[]
  readonly layout: string
  /** Unpacked. */
  readonly bytes: number
}

const PACKAGES = 'build-essential,git,python3,perl,cmake,vim-nox'
const EPOCH = '1700000000'
/** The upper layers, each a part of the root once more in another place. */
const UPPER = ['usr/share', 'usr/bin', 'usr/lib/gcc']

const COMPRESSIONS: Readonly<
  Record<
    Compression,
    { readonly suffix: string; readonly command: (tar: string, out: string) => string }
  >
> = {
  gzip: { suffix: '+gzip', command: (tar, out) => `gzip -6 -n -c ${tar} > ${out}` },
  zstd: { suffix: '+zstd', command: (tar, out) => `zstd -q -3 -c ${tar} > ${out}` },
  plain: { suffix: '', command: (tar, out) => `cp ${tar} ${out}` },
}

/** Shell quoting is not needed: `folder` is refused if it has other than plain characters. */
export async function makeInputs(folder: string, say: (line: string) => void): Promise<Input[]> {
  if (!/^[\w./-]+$/.test(folder)) throw new Error(`${folder}: only plain characters, please`)
  await mkdir(folder, { recursive: true })
  const make = async (path: string, command: string): Promise<string> => {
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path
    say(`making ${path}`)
    await run('sh', ['-c', command.replaceAll('OUT', `${path}.tmp`)], { maxBuffer: 64 * 1024 ** 2 })
    await rename(`${path}.tmp`, path)
    return path
  }
  const root = await make(
    join(folder, 'root.tar'),
    `SOURCE_DATE_EPOCH=${EPOCH} mmdebstrap --quiet --mode=root --variant=minbase --format=tar --aptopt='APT::Install-Recommends "false"' --include=${PACKAGES} bookworm OUT`,
  )
  const tree = await make(
    join(folder, 'tree'),
    `rm -rf OUT && mkdir OUT && tar -C OUT -xf ${root} ./usr`,
  )
  const tars = [root]
  for (const [i, part] of UPPER.entries()) {
    tars.push(
      await make(
        join(folder, `upper-${i}.tar`),
        `tar -C ${tree} --hard-dereference --transform='s,^usr,opt/${i},' --format=gnu -cf OUT ${part}`,
      ),
    )
  }
  const inputs: Input[] = []
  for (const compression of Object.keys(COMPRESSIONS) as Compression[]) {
    const { suffix, command } = COMPRESSIONS[compression]
    const files: string[] = []
    for (const tar of tars) files.push(await make(`${tar}.${compression}`, command(tar, 'OUT')))
    for (const [name, count] of [
      ['layer', 1],
      ['image', tars.length],
    ] as const) {
      const layout = join(folder, `${name}-${compression}`)
      const sizes = await Promise.all(tars.slice(0, count).map((tar) => stat(tar)))
      const input = {
        name,
        compression,
        files: files.slice(0, count),
        layout,
        bytes: sizes.reduce((sum, { size }) => sum + size, 0),
      }
      inputs.push(input)
      if (
        await access(layout).then(
          () => true,
          () => false,
        )
      )
        continue
      await writeLayout(layout, input.files, tars, suffix)
    }
  }
  return inputs
}

async function sha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 1024 ** 2 }))
    hash.update(chunk as Buffer)
  return hash.digest('hex')
}

async function writeLayout(
  layout: string,
  files: readonly string[],
  tars: readonly string[],
  suffix: string,
): Promise<void> {
  const building = `${layout}.tmp`
  await rm(building, { recursive: true, force: true })
  const blobs = join(building, 'blobs/sha256')
  await mkdir(blobs, { recursive: true })
  const store = async (value: unknown) => {
    const bytes = Buffer.from(JSON.stringify(value))
    const hex = createHash('sha256').update(bytes).digest('hex')
    await writeFile(join(blobs, hex), bytes)
    return { digest: `sha256:${hex}`, size: bytes.length }
  }
  const layers = []
  const diffIDs = []
  for (const [i, file] of files.entries()) {
    const hex = await sha256(file)
    await link(file, join(blobs, hex))
    const { size } = await stat(file)
    const mediaType = `application/vnd.oci.image.layer.v1.tar${suffix}`
    layers.push({ mediaType, digest: `sha256:${hex}`, size })
    diffIDs.push(`sha256:${await sha256(tars[i] ?? '')}`)
  }
  const config = {
    mediaType: 'application/vnd.oci.image.config.v1+json',
    ...(await store({
      os: 'linux',
      architecture: 'amd64',
      rootfs: { type: 'layers', diff_ids: diffIDs },
    })),
  }
  const manifest = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    ...(await store({ schemaVersion: 2, config, layers })),
  }
  await writeFile(
    join(building, 'index.json'),
    JSON.stringify({ schemaVersion: 2, manifests: [manifest] }),
  )
  await writeFile(join(building, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  await rename(building, layout)
}
