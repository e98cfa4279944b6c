/**
 * Bad input, with the real program: each gives one clear line that says what, where and what to do,
 * and nothing that was accepted is lost.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCommand, type CommandResult } from '../../cli/demo/demo-node.ts'
import { LocalRegistry } from '../../cli/demo/local-registry.ts'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { createRegistryClient } from '../../node/image/create-registry-client.ts'
import { createTopics } from '../../node/network/topics.ts'
import { encodeChecked } from '../../node/store/checked.ts'
import { Database } from '../../node/store/database.ts'
import { keyIn } from '../../node/store/keys.ts'
import { missingTools } from '../../node/system/packages.ts'
import { utf8 } from '../../protocol/bytes.ts'
import type { Answer } from '../../protocol/verdict/answer.ts'
import { startHostilePeer } from '../support/hostile-peer.ts'
import { LoneMaintainer } from '../support/lone-maintainer.ts'
import { makeImage, pushImage } from '../support/oci-image.ts'
import { makeRelease } from '../support/statements.ts'
import { makeTar } from '../support/tar-writer.ts'
import { waitFor } from '../support/wait-for.ts'

const missing = [...missingTools('demo').map(({ name }) => name), ...(canMount() ? [] : ['mount'])]
/** Builds ask for 512 MB free; one that writes 200 MB on this disk runs into its end. */
const DISK_MB = 640

function canMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'rebuildnet-mount-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', folder], { stdio: 'ignore' })
    execFileSync('umount', [folder])
    return true
  } catch {
    return false
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Exit code 2, and nothing on standard error but one line that says this. */
function expectOneLine(result: CommandResult, says: RegExp): void {
  expect(result.stderr.trimEnd().split('\n')).toHaveLength(1)
  expect(result.stderr).toMatch(/^rebuildnet: /)
  expect(result.stderr).toMatch(says)
  expect(result.exitCode).toBe(2)
}

describe('a file that is wrong', () => {
  let folder: string
  const at = (...path: string[]): string => join(folder, 'node', ...path)
  const run = (...args: string[]): Promise<CommandResult> => runCommand([...args, '--data', at()])

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rebuildnet-bad-'))
    await run('init', '--name', 'ada')
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  /** Runs `status` while a file of the data folder is changed. */
  async function withChanged(file: string, find: RegExp, by: string): Promise<CommandResult> {
    const text = await readFile(at(file), 'utf8')
    expect(text).toMatch(find)
    await writeFile(at(file), text.replace(find, by))
    const result = await run('status')
    await writeFile(at(file), text)
    return result
  }

  it.each([
    [
      'a policy that asks for nobody',
      /^threshold = .*$/m,
      'threshold = 0',
      /policy\.toml:\d+: threshold must be at least 1, not 0/,
    ],
    [
      'a policy in which as many may disagree',
      /^max_dissent = .*$/m,
      'max_dissent = 2',
      /policy\.toml:\d+: max_dissent is 2: it must be below threshold, which is 2/,
    ],
    [
      'a policy with an unknown key',
      /^max_dissent/m,
      'max_disent',
      /policy\.toml:\d+: max_disent is not a key of a policy; known: .*max_dissent/,
    ],
    [
      'a policy of a newer format',
      /^format = 1$/m,
      'format = 2',
      /policy\.toml:\d+: format is 2, and this rebuildnet reads 1: update rebuildnet/,
    ],
  ])('says of %s which file it is, and which key', async (_, find, by, says) => {
    expectOneLine(await withChanged('policy.toml', find, by), says)
  })

  it.each([
    [
      'an unknown key',
      'format = 1\ncolour = 1',
      /config\.toml:\d+: unknown key "colour"; known: .*bootstrap/,
    ],
    [
      'a newer format',
      'format = 2',
      /config\.toml is of format 2, this rebuildnet reads 1: update rebuildnet/,
    ],
  ])('says of a configuration with %s which it is', async (_, by, says) => {
    expectOneLine(await withChanged('config.toml', /^format = 1$/m, by), says)
  })

  it.each([
    [
      'an unknown key',
      'colour = "red"\n',
      /project\.toml:\d+: "colour" is not a key of a project file/,
    ],
    [
      'a newer format',
      'format = 2\n',
      /project\.toml:1: the file is of format 2, this rebuildnet reads 1: update rebuildnet/,
    ],
    ['no end of a string', 'image = "\n', /project\.toml:1: /],
  ])('says of a project file with %s which it is, and follows nothing', async (_, text, says) => {
    const file = join(folder, 'project.toml')
    await writeFile(file, text)
    expectOneLine(await run('follow', file, '--yes'), says)
    expect(JSON.parse((await run('projects', '--json')).stdout)).toEqual([])
  })

  it('says of a card that is none, is cut, or is not signed by its operator which file it is', async () => {
    const card = await readFile(at('card.bin'))
    const forged = Uint8Array.from(card)
    forged[40]! ^= 1
    const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')
    const cases: readonly (readonly [string | Uint8Array, RegExp])[] = [
      [
        Uint8Array.of(0xff, 0, 1, 2),
        /bob\.card is no operator card: "rebuildnet card FILE" writes one/,
      ],
      [base64(card.subarray(0, 50)), /bob\.card is no operator card/],
      [base64(forged), /bob\.card is not trusted: the signature does not verify/],
      [Buffer.alloc(300_000), /bob\.card: it is larger than the 262144 bytes/],
    ]
    const file = join(folder, 'bob.card')
    for (const [content, says] of cases) {
      await writeFile(file, content)
      expectOneLine(await run('trust', 'add', file), says)
    }
    expect(JSON.parse((await run('trust', 'ls', '--json')).stdout)).toEqual([])
  })

  it('says of a store of a newer format that it is newer, and leaves it alone', async () => {
    const key = keyIn('system', utf8('format'))
    const write = async (format: string): Promise<void> => {
      const database = await Database.open(at('store', 'level'), async () => new Error('locked'))
      await database.write([{ type: 'put', key, value: encodeChecked(key, utf8(format)) }], true)
      await database.close()
    }
    await run('status')
    await write('99')
    expectOneLine(
      await run('status'),
      /store was written by a newer rebuildnet \(store format 99, this one reads \d+\): update rebuildnet/,
    )
    await write('1')
    expect((await run('status')).exitCode).toBe(0)
  })
})

// Skipped only where tools are missing that cannot be installed, or nothing can be mounted: never in CI.
describe.skipIf(missing.length > 0)(
  `a running node (needs ${missing.join(', ') || 'nothing more'})`,
  () => {
    let lone: LoneMaintainer<'good' | 'fails' | 'slow' | 'big'>
    let good: string

    beforeAll(async () => {
      lone = await LoneMaintainer.start({
        dockerfiles: {
          good: ['RUN echo good > /good'],
          fails: ['RUN echo this cannot work; false'],
          slow: ['RUN sleep 3'],
          big: ['RUN dd if=/dev/zero of=/big bs=1048576 count=200'],
        },
        diskMb: DISK_MB,
      })
      good = await lone.publish('good', '1.0.0', await readFile(lone.projectFile, 'utf8'))
      expect((await lone.announce('1.0.0', lone.commits.good, good)).exitCode).toBe(0)
      await lone.until('1.0.0', 'done')
      expect((await lone.run('verify', good)).exitCode).toBe(0)
    })
    afterAll(() => lone.stop())

    it('has its data folder for itself: another node and fsck say who holds it', async () => {
      const held = /another node holds .* open \(pid \d+\): stop it or choose another with --data/
      expectOneLine(await lone.run('start', '--no-mdns'), held)
      expectOneLine(await lone.run('fsck'), held)
    })

    it('says which port is in use, and which option chooses another', async () => {
      const other = join(lone.root, 'other')
      await runCommand(['init', '--name', 'other', '--data', other])
      const taken = createServer().listen(0, '127.0.0.1')
      await once(taken, 'listening')
      const { port } = taken.address() as { port: number }
      const start = ['start', '--no-mdns', '--data', other, '--listen']
      expectOneLine(
        await runCommand([...start, `/ip4/127.0.0.1/tcp/${port}`]),
        new RegExp(
          `cannot listen on /ip4/127\\.0\\.0\\.1/tcp/${port}: .* choose another port with --listen`,
        ),
      )
      expectOneLine(
        await runCommand([...start, '/ip4/127.0.0.1/tcp/0', '--http', `127.0.0.1:${port}`]),
        new RegExp(`port ${port} of 127\\.0\\.0\\.1 is in use: choose another with --http`),
      )
      taken.close()
    })

    it('turns away a peer that sends malformed, oversized or unsigned messages, and says so in a line', async () => {
      const before = await lone.published('release')
      const topic = createTopics('test').release.name
      const forged = Uint8Array.from(makeRelease().bytes)
      forged[40]! ^= 1
      for (const [code, message] of [
        ['bad-signature', forged],
        ['too-large', new Uint8Array(33 * 1024).fill(1)],
        ['truncated', Uint8Array.of(1, 2, 3)],
      ] as const) {
        const hostile = await startHostilePeer()
        await hostile.dial(lone.node.address)
        await hostile.publish(topic, message)
        await waitFor(`a line about ${code}`, async () => {
          const log = await readFile(join(lone.node.folder, 'node.log'), 'utf8')
          return log
            .split('\n')
            .some((line) => line.includes('a peer sent an invalid message') && line.includes(code))
        })
        await hostile.hangUp()
      }
      expect(await lone.published('release')).toEqual(before)
      expect((await lone.run('verify', good)).exitCode).toBe(0)
    })

    it('answers nothing under a policy that cannot be read, and says of one that can never be met that it cannot', async () => {
      const file = join(lone.node.folder, 'policy.toml')
      const text = await readFile(file, 'utf8')
      await writeFile(file, text.replace(/^threshold = .*$/m, 'threshold = 0'))
      expectOneLine(
        await lone.run('verify', good),
        /policy\.toml:\d+: threshold must be at least 1/,
      )
      await writeFile(file, text.replace(/^threshold = .*$/m, 'threshold = 5'))
      for (const [command, exitCode] of [
        ['status', 0],
        ['doctor', 0],
        ['verify', 3],
        ['explain', 0],
      ] as const) {
        const asked = ['verify', 'explain'].includes(command) ? [good] : []
        const ran = await lone.run(command, ...asked)
        expect(ran.stdout).toContain('unreachable: threshold is 5 and there is 1 operator')
        expect(ran.exitCode).toBe(exitCode)
      }
      await writeFile(file, text)
      expect((await lone.run('verify', good)).exitCode).toBe(0)
    })

    it('announces no commit that does not exist', async () => {
      const commit = 'a'.repeat(40)
      expectOneLine(
        await lone.announce('1.0.1', commit, good),
        new RegExp(
          `commit ${commit} does not exist in file://.*: check the release's commit and that it was pushed`,
        ),
      )
      expect(await lone.published('release')).toHaveLength(1)
    })

    it('signs that a Dockerfile fails after two builds, and says where the log is', async () => {
      await lone.announce('1.1.0', lone.commits.fails)
      const { detail, log, result } = await lone.until('1.1.0', 'done')
      expect(detail).toMatch(
        /^failed twice at stage build: a Dockerfile step failed, see the end of the log: .*RUN echo/,
      )
      expect(await readFile(log!, 'utf8')).toContain('this cannot work')
      const shown = await lone.run('queue', 'ls')
      expect(shown.stdout).toContain(log)
      expect((await lone.run('log', result!.slice(0, 12))).stdout).toContain(`build log  ${log}`)
      const [statement] = (await lone.published('rebuild')).filter(({ sid }) => sid === result)
      expect(statement?.body).toMatchObject({ outcome: { kind: 'failed', class: 'recipe' } })
    })

    it('signs the code where the published image has a layer that is a bomb, or truncated', async () => {
      const small = makeTar([{ path: 'a', content: Buffer.alloc(100_000, 'ab') }])
      const bomb = makeTar([{ path: 'zero', content: Buffer.alloc(80 * 1024 * 1024) }])
      const images = [
        ['limit-ratio', makeImage({ layers: [{ tar: bomb }] }), /unpacks to more than 200 times/],
        [
          'gzip-truncated',
          makeImage({ layers: [{ tar: small, blob: gzipSync(small).subarray(0, -40) }] }),
          /the gzip stream ends early \(layer 0\)/,
        ],
      ] as const
      const client = createRegistryClient({ crypto: nodeCrypto }, { insecure: [] })
      for (const [i, [code, image, says]] of images.entries()) {
        const reference = `${lone.image}:1.2.${i}`
        await pushImage(client, reference, image)
        const read = await runCommand(['normalize', reference, '--json'])
        expectOneLine(read, says)
        expect(JSON.parse(read.stdout)).toMatchObject({ error: { code, layer: 0 } })
        await lone.announce(`1.2.${i}`, lone.commits.good, reference)
        await lone.until(`1.2.${i}`, 'done')
        const asked = await lone.run('verify', reference, '--json')
        expect(asked.exitCode).toBe(1)
        const answer = JSON.parse(asked.stdout) as Answer
        expect(answer).toMatchObject({ verdict: 'contradicted', decision: 'deny' })
        expect(answer.supporters[0]?.maps).toEqual({ error: code })
      }
      await client.close()
    })

    it('tries again when the disk is full while building, and has all that it had', async () => {
      const before = await lone.published('rebuild')
      await lone.announce('1.3.0', lone.commits.big)
      const { detail, nextAttempt, release } = await lone.until('1.3.0', 'retrying')
      expect(detail).toMatch(/^disk full while building: .* free under .*work/)
      expect(nextAttempt).not.toBeNull()
      expect(await lone.published('rebuild')).toEqual(before)
      expect((await lone.run('verify', good)).exitCode).toBe(0)
      expect((await lone.run('queue', 'cancel', release.slice(0, 12))).exitCode).toBe(0)
    })

    it('tries again when a registry is down, which is no vote, and still answers for a digest', async () => {
      const before = await lone.published('rebuild')
      const { host } = lone.registry
      await lone.registry.stop()
      expectOneLine(
        await lone.run('verify', `${lone.image}:1.0.0`),
        new RegExp(`${host} cannot be reached \\(.*\\): check its name and the network`),
      )
      expect((await lone.run('verify', good)).exitCode).toBe(0)
      const { release } = (await lone.item('1.1.0'))!
      await lone.run('queue', 'retry', release.slice(0, 12))
      const { detail, nextAttempt } = await lone.until('1.1.0', 'retrying')
      expect(detail).toMatch(new RegExp(`^cannot fetch a base image: .*${host}`))
      expect(nextAttempt).not.toBeNull()
      expect(await lone.published('rebuild')).toEqual(before)
      lone.registry = await LocalRegistry.start(
        join(lone.root, 'registry'),
        Number(host.split(':')[1]),
      )
    })

    // Last: after such an end a node allows nothing until a peer has given back what it may have lost.
    it('goes on with its queue after a kill in the middle of a build, and publishes once', async () => {
      const before = await lone.published('rebuild')
      await lone.announce('1.4.0', lone.commits.slow)
      await waitFor('it builds', async () => (await lone.item('1.4.0'))?.stage === 'build')
      await lone.node.kill()
      await lone.startNode()
      const { result } = await lone.until('1.4.0', 'done')
      const sids = async (): Promise<string[]> =>
        (await lone.published('rebuild')).map(({ sid }) => sid)
      const expected = [...before.map(({ sid }) => sid), result]
      expect(await sids()).toEqual(expected)
      // And at the next start it is not built again.
      await lone.node.stop()
      await lone.startNode()
      expect(await lone.item('1.4.0')).toMatchObject({ state: 'done', result })
      expect(await sids()).toEqual(expected)
    })
  },
)
