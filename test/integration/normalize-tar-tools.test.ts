import { execFile } from 'node:child_process'
import { chmod, link, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { pack } from 'tar-stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readLayer } from '../support/read-layer.ts'
import { makeTar } from '../support/tar-writer.ts'

const run = promisify(execFile)

/** What GNU tar (which every Debian has) makes of one folder in each of its dialects. */
describe('layers that other tools write', () => {
  let folder = ''

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rebuildnet-tar-'))
    await mkdir(join(folder, 'd/sub'), { recursive: true })
    await writeFile(join(folder, 'd/file'), 'x'.repeat(3000))
    await link(join(folder, 'd/file'), join(folder, 'd/zlink'))
    await symlink('../target', join(folder, 'd/symlink'))
    await writeFile(join(folder, 'd/sub', 'n'.repeat(99)), 'long')
    await writeFile(join(folder, 'empty'), '')
    await chmod(join(folder, 'empty'), 0o4711)
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  const gnuTar = async (...options: string[]): Promise<Uint8Array> => {
    const owner = ['--owner=someone:7', '--group=some:8']
    const { stdout } = await run('tar', ['-C', folder, ...owner, ...options, '-cf', '-', '.'], {
      encoding: 'buffer',
    })
    return stdout
  }

  it('have one digest in the dialects ustar, GNU and PAX, and in any order', async () => {
    const expected = readLayer(await gnuTar('--format=ustar')).digest
    expect(readLayer(await gnuTar('--format=gnu')).digest).toBe(expected)
    expect(readLayer(await gnuTar('--format=pax')).digest).toBe(expected)
    expect(readLayer(await gnuTar('--format=pax', '--sort=name', '--mtime=@5')).digest).toBe(
      expected,
    )
    expect(readLayer(await gnuTar('--format=gnu', '--blocking-factor=40')).digest).toBe(expected)
    expect(readLayer(await gnuTar('--format=gnu', '--hard-dereference')).digest).not.toBe(expected)
    expect(readLayer(await gnuTar('--format=gnu', '--exclude=empty')).digest).not.toBe(expected)
  })

  it('are refused in the dialect v7', async () => {
    const tar = await gnuTar('--format=v7', '--exclude=sub')
    expect(() => readLayer(tar)).toThrow(expect.objectContaining({ code: 'header-magic' }))
  })

  it('have the digest of our own writer when tar-stream writes them', async () => {
    const stream = pack()
    stream.entry({ name: 'd/', type: 'directory', mode: 0o755, mtime: new Date(0) })
    stream.entry({ name: 'd/a', mode: 0o644, uid: 3, gid: 4, pax: { comment: 'x' } }, 'content')
    stream.entry({ name: 'd/s', type: 'symlink', linkname: 'a', mode: 0o777 })
    stream.finalize()
    const chunks: Uint8Array[] = []
    for await (const chunk of stream) chunks.push(chunk as Uint8Array)
    const ours = makeTar([
      { path: 'd', type: 'directory' },
      { path: 'd/a', content: 'content', uid: 3, gid: 4 },
      { path: 'd/s', type: 'symlink', linkname: 'a' },
    ])
    expect(readLayer(Buffer.concat(chunks)).digest).toBe(readLayer(ours).digest)
  })
})
