/** Programs that inflate for us: fast, and never believed. */
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createReadStream, existsSync } from 'node:fs'
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { constants, crc32, deflateRawSync, gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { NOTHING_TAKEN } from '../../node/image/counting-budget.ts'
import { ImageLayers } from '../../node/image/image-layers.ts'
import { chooseInflater } from '../../node/image/inflater.ts'
import type { ExpectedLayer } from '../../node/image/blob-pass.ts'
import { type LaneJob, LayerLane } from '../../node/image/layer-lane.ts'
import { MARK_BYTES, OutsideDecoder } from '../../node/image/outside-decoder.ts'
import { TreeSpace } from '../../node/image/tree-space.ts'
import { NormalizeError } from '../../protocol/normalize/normalize-error.ts'
import { DEFAULT_PROFILE } from '../../protocol/normalize/profile.ts'
import { sha256 } from '../support/oci-image.ts'
import { makeTar } from '../support/tar-writer.ts'
import { waitFor } from '../support/wait-for.ts'

const TAR = Buffer.from(
  makeTar([
    { path: 'noise', content: randomBytes(300_000) },
    { path: 'text', content: 'so much of the same '.repeat(20_000) },
  ]),
)
const GZIP = gzipSync(TAR)
const HALVES = [TAR.subarray(0, 200_000), TAR.subarray(200_000)] as const

interface MemberOptions {
  readonly flags?: number
  readonly extra?: Uint8Array
}

function member(content: Uint8Array, { flags = 0, extra = Buffer.alloc(0) }: MemberOptions = {}) {
  const trailer = Buffer.alloc(8)
  trailer.writeUInt32LE(crc32(content), 0)
  trailer.writeUInt32LE(content.length % 2 ** 32, 4)
  const header = Uint8Array.of(0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 255)
  return Buffer.concat([header, extra, deflateRawSync(content), trailer])
}

const EMPTY = member(new Uint8Array())
const WRONG_HEADER_CRC = { flags: 2, extra: Uint8Array.of(1, 2) }
const cut = (bytes: Buffer, at: number) => bytes.subarray(0, bytes.length + at)
const flipped = (at: number) => {
  const bytes = Buffer.from(GZIP)
  bytes[bytes.length + at] = (bytes.at(at) as number) ^ 1
  return bytes
}

/** Blobs that a lax inflater reads as the layer, or as none, and whether ours takes them. */
const BLOBS: readonly (readonly [name: string, blob: Buffer, plain: boolean])[] = [
  ['one member', GZIP, true],
  ['one member with a name', member(TAR, { flags: 8, extra: Buffer.from('layer.tar\0') }), true],
  ['two members', Buffer.concat(HALVES.map((half) => gzipSync(half))), false],
  ['an empty member first', Buffer.concat([EMPTY, GZIP]), false],
  ['an empty member last', Buffer.concat([GZIP, EMPTY]), false],
  ['a zero after it', Buffer.concat([GZIP, Buffer.alloc(1)]), false],
  ['zeros after it', Buffer.concat([GZIP, Buffer.alloc(512)]), false],
  ['text after it', Buffer.concat([GZIP, Buffer.from('trailing')]), false],
  ['its own trailer again after it', Buffer.concat([GZIP, GZIP.subarray(-8)]), false],
  [
    'zeros and its trailer after it',
    Buffer.concat([GZIP, Buffer.alloc(64), GZIP.subarray(-8)]),
    false,
  ],
  ['the header of another member after it', Buffer.concat([GZIP, EMPTY.subarray(0, 10)]), false],
  ['a wrong header checksum', member(TAR, WRONG_HEADER_CRC), false],
  [
    'a wrong header checksum after an empty member',
    Buffer.concat([EMPTY, member(TAR, WRONG_HEADER_CRC)]),
    false,
  ],
  ['reserved flags', member(TAR, { flags: 0xe0 }), false],
  ['a wrong checksum', flipped(-8), false],
  ['a wrong length', flipped(-4), false],
  ['damage within', flipped(-100_000), false],
  ['no trailer', cut(GZIP, -8), false],
  ['a cut within', cut(GZIP, -50_000), false],
  ['stored blocks', gzipSync(TAR, { level: constants.Z_NO_COMPRESSION }), true],
]

let folder: string
let igzip: string | undefined

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rebuildnet-inflater-'))
  igzip = await chooseInflater('auto', process.env)
})

afterAll(() => rm(folder, { recursive: true }))

/** The layer's digest, or the error's code. */
async function read(
  blob: Buffer,
  inflater: string | undefined,
  diffID = sha256(TAR),
): Promise<string> {
  const layer: ExpectedLayer = { size: blob.length, digest: sha256(blob), diffID }
  const layers = new ImageLayers({ crypto: nodeCrypto }, { profile: DEFAULT_PROFILE, inflater })
  try {
    const open = async function* () {
      yield* await Promise.resolve([blob])
    }
    const [found] = await layers.read({ layers: [layer], numbered: true, open })
    return found?.normalized.digest ?? 'nothing'
  } catch (error) {
    if (error instanceof NormalizeError) return error.code
    throw error
  }
}

/** What the decoder alone makes of a blob; throws where it is not sure. */
async function decode(program: string, blob: Buffer): Promise<Buffer> {
  const parts: Buffer[] = []
  const decoder = new OutsideDecoder(program, async (pipe, heldBack) => {
    for await (const chunk of createReadStream('', { fd: pipe }))
      parts.push(Buffer.from(chunk as Buffer))
    const all = Buffer.concat(parts)
    return { length: all.length, tail: all.subarray(Math.max(0, all.length - heldBack)) }
  })
  try {
    for (let at = 0; at < blob.length; at += 65_536)
      await decoder.write(blob.subarray(at, at + 65_536))
    await decoder.end()
    return Buffer.concat(parts).subarray(0, -MARK_BYTES)
  } finally {
    decoder.destroy()
  }
}

/** Also where nobody has asked what became of it. */
async function hasEnded(pid: string): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  return status === '' || /^State:\s+Z/m.test(status)
}

const program = async (name: string, script: string): Promise<string> => {
  const path = join(folder, name)
  await writeFile(path, `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`)
  await chmod(path, 0o755)
  return path
}

const hasIgzip = spawnSync('igzip', ['--version']).error === undefined

// Where Debian's isal is not installed there is nothing to compare with.
describe.skipIf(!hasIgzip)('igzip', () => {
  it.each(BLOBS)('leads to what the built-in inflater finds: %s', async (_name, blob) => {
    expect(await read(blob, igzip)).toBe(await read(blob, undefined))
  })

  it.each(BLOBS)('is relied upon for a plain member alone: %s', async (_name, blob, plain) => {
    const decoding = decode(igzip ?? '', blob)
    if (plain) expect((await decoding).equals(TAR)).toBe(true)
    else await expect(decoding).rejects.toThrow()
  })

  it('is found on the path, unless the built-in one is asked for', async () => {
    expect(igzip).toMatch(/\/igzip$/)
    expect(await chooseInflater('builtin', process.env)).toBeUndefined()
    expect(
      await chooseInflater(undefined, { ...process.env, REBUILDNET_INFLATER: 'builtin' }),
    ).toBeUndefined()
  })
})

describe('a program that lies', () => {
  it.each([
    ['gives nothing', 'cat > /dev/null'],
    ['fails', 'exit 1'],
    ['dies in the middle', 'head -c 100000 | gzip -dc 2>/dev/null; kill -9 $$'],
    ['gives something else', 'gzip -dc | tr a-m n-z'],
    ['gives more', 'gzip -dc; echo more'],
    ['never ends its output', 'cat > /dev/null; exec cat /dev/zero'],
  ])('changes nothing: it %s', async (name, script) => {
    const path = await program(name.replaceAll(' ', '-'), script)
    expect(await read(GZIP, path)).toBe(await read(GZIP, undefined))
  })

  it('changes nothing where it is none', async () => {
    expect(await read(GZIP, join(folder, 'missing'))).toBe(await read(GZIP, undefined))
  })

  it('is ended with the process that started it, and leaves nothing behind', async () => {
    const started = join(folder, 'stuck-started')
    const pidFile = join(folder, 'stuck-pid')
    const script = `echo $$ > ${pidFile}\nhead -c 1 > ${started}\nexec sleep 600`
    const path = await program('stuck', script)
    const blob = join(folder, 'blob')
    await writeFile(blob, GZIP)
    const temporary = await mkdtemp(join(folder, 'temporary-'))
    const leave = join(import.meta.dirname, '../support/leave-while-inflating.ts')
    const { status, signal } = spawnSync(
      process.execPath,
      [leave, blob, path, sha256(TAR), started],
      { env: { ...process.env, TMPDIR: temporary }, timeout: 120_000 },
    )
    expect({ status, signal }).toEqual({ status: 7, signal: null })
    expect(await readdir(temporary)).toEqual([])
    const pid = (await readFile(pidFile, 'utf8')).trim()
    await waitFor('the program is gone', () => hasEnded(pid))
  })

  it('gives nothing to the next layer, though what it has started outlives it', async () => {
    const go = join(folder, 'go')
    expect(spawnSync('mkfifo', [go]).status).toBe(0)
    const started = join(folder, 'outlived-started')
    const flowing = join(folder, 'outlived-flowing')
    const zeros = `head -c 100000 /dev/zero; touch ${flowing}; head -c 100000000 /dev/zero`
    const late = `touch ${started}; read line < ${go}; ${zeros}`
    const script = `(${late}) &\nexec cat > /dev/null`
    const path = await program('outlived', script)
    const space = new TreeSpace()
    const job: LaneJob = {
      profile: DEFAULT_PROFILE.id,
      layer: 0,
      expected: { size: GZIP.length, digest: sha256(GZIP), diffID: sha256(TAR) },
      inflater: path,
      before: NOTHING_TAKEN,
      space: space.handle,
    }
    const chunks = async function* () {
      yield* await Promise.resolve([GZIP])
    }
    const lane = new LayerLane()
    try {
      const controller = new AbortController()
      const options = { signal: controller.signal, onBytes: () => undefined }
      const dropped = lane.read(job, chunks(), options)
      await waitFor('what it has started', () => existsSync(started))
      controller.abort(new Error('enough'))
      const released = writeFile(go, 'go\n')
      await expect(dropped).rejects.toThrow('enough')
      await waitFor('what comes late', () => existsSync(flowing))
      const next = { ...job, inflater: undefined }
      const result = await lane.read(next, chunks(), { onBytes: () => undefined })
      expect(result).toMatchObject({ kind: 'read', layer: { diffID: sha256(TAR) } })
      await released
    } finally {
      await lane.close()
    }
  })

  it('is used where it tells the truth', async () => {
    const mark = join(folder, 'was-used')
    const path = await program('honest', `touch ${mark}\nexec gzip -dc`)
    expect((await decode(path, GZIP)).equals(TAR)).toBe(true)
    expect(await read(GZIP, path)).toBe(await read(GZIP, undefined))
  })
})

describe('choosing', () => {
  it('says what to do where igzip is asked for and not installed', async () => {
    const PATH = [folder, '/nowhere', 'relative'].join(delimiter)
    expect(await chooseInflater('auto', { PATH })).toBeUndefined()
    await expect(chooseInflater('igzip', { PATH })).rejects.toMatchObject({
      code: 'inflater-missing',
    })
    await expect(
      chooseInflater(undefined, { PATH, REBUILDNET_INFLATER: 'other' }),
    ).rejects.toMatchObject({
      code: 'inflater-unknown',
    })
  })
})
