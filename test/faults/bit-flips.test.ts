/**
 * Single bits that turn over in the store of a stopped node: each is found by fsck or has changed
 * nothing, and `fsck --reindex` leaves a store that is whole, of what is left: nearly all.
 */
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { checkStore, isClean } from '../../node/fsck.ts'
import { Database, type Entry } from '../../node/store/database.ts'
import { toHex } from '../../protocol/bytes.ts'
import { FaultNode, PATIENCE } from '../support/faults-node.ts'
import { putReleases } from '../support/faults-publisher.ts'
import { GOOD, makeNodeFolder, prepareVotes, writeSettings } from '../support/real-node.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { TEST_IMAGE } from '../support/statements.ts'
import { openStore, temporaryFolder } from '../support/temporary-store.ts'
import { waitFor } from '../support/wait-for.ts'

const FLIPS = { default: 40, ci: 300, soak: 20_000 }[
  process.env.REBUILDNET_TEST_DEPTH ?? 'default'
] as number
/** A block of a table is 4 KiB, and compressed as a whole. */
const MAX_LOST = 8
/** What LevelDB writes for people, and an empty file that is only held. */
const NO_DATA = new Set(['LOG', 'LOG.old', 'LOCK'])
const CONFIG = {
  ...{ listen: ['/ip4/127.0.0.1/tcp/0'], mdns: false, upnp: false, network: 'test' },
  ...{ sync_interval: '2s', min_free_mb: 0, log_level: 'silent' },
}

/** Every entry that a reader of the database sees. */
async function entriesOf(root: string): Promise<ReadonlyMap<string, string>> {
  const level = join(root, 'store', 'level')
  const database = await Database.open(level, async () => new Error('locked'))
  const all: Entry[] = await database.entries({ gte: Uint8Array.of(1), lt: Uint8Array.of(0xff) })
  await database.close()
  return new Map(all.map(([key, value]) => [toHex(key), toHex(value)]))
}

interface Flip {
  readonly file: string
  readonly bit: number
}

/** Turns one bit over in a file of a copy of the data folder, and returns the copy. */
async function flipIn(original: string, copy: string, { file, bit }: Flip): Promise<void> {
  await rm(copy, { recursive: true, force: true })
  await cp(original, copy, { recursive: true })
  const path = join(copy, 'store', file)
  const bytes = await readFile(path)
  bytes[bit >> 3]! ^= 1 << (bit & 7)
  await writeFile(path, bytes)
}

/** What fsck says of a folder: how it shows that something is wrong, if it does. */
async function complaintAbout(root: string): Promise<string | undefined> {
  const report = await checkStore(root, { reindex: false })
  if (isClean(report) && !report.uncleanStop) return undefined
  if (report.unreadable !== null) return 'not readable'
  return report.damagedFiles.length > 0 ? 'damaged files' : 'damaged entries'
}

async function sidsIn(root: string): Promise<readonly string[]> {
  const store = await openStore(join(root, 'store'))
  try {
    return await store.statements.sids([TEST_IMAGE], { cards: true })
  } finally {
    await store.close()
  }
}

it(
  `fsck finds each of ${FLIPS} bits that turn over in the store of a stopped node, and mends it`,
  { timeout: 600_000 + FLIPS * 5_000 },
  async () => {
    const names = ['alice', 'bob', 'carol']
    const [alice, bob, carol] = await Promise.all(names.map((name) => makeNodeFolder(name)))
    for (const folder of [alice!, bob!, carol!]) await writeSettings(folder, alice!, [bob!, carol!])
    await prepareVotes(alice!, [bob!, carol!])
    await putReleases(alice!, 60)
    const source = new FaultNode({ root: alice!.root, config: CONFIG })
    const bootstrap = (await source.start()).listen.slice(0, 1)
    const node = new FaultNode({ root: bob!.root, config: { ...CONFIG, bootstrap } })
    const third = new FaultNode({ root: carol!.root, config: { ...CONFIG, bootstrap } })
    await Promise.all([node.start(), third.start()])
    const verdictIsAllow = (asked: FaultNode): Promise<unknown> =>
      waitFor(
        'allow',
        async () => {
          const question = { image: GOOD, platform: 'linux/amd64' }
          return (await asked.client.verdict(question)).decision === 'allow'
        },
        PATIENCE,
      )
    await verdictIsAllow(node)
    await verdictIsAllow(source)
    await node.stop()

    const whole = join(await temporaryFolder(), 'whole')
    const copy = join(await temporaryFolder(), 'copy')
    await cp(bob!.root, whole, { recursive: true })
    // Looked at in a copy: to open it is to change its files.
    await cp(whole, copy, { recursive: true })
    expect(await complaintAbout(copy)).toBeUndefined()
    const entries = await entriesOf(copy)
    const sids = await sidsIn(copy)
    const level = (await readdir(join(whole, 'store', 'level'))).filter(
      (name) => !NO_DATA.has(name),
    )
    const files = ['sealed', ...level.map((name) => join('level', name))]
    const sizes = await Promise.all(
      files.map(async (file) => (await readFile(join(whole, 'store', file))).length),
    )
    const usable = files.filter((_, i) => sizes[i]! > 0)

    const random = new SeededRandom(2026)
    const found = new Map<string, number>()
    let lossy = 0
    for (let i = 0; i < FLIPS; i++) {
      const file = random.pick(usable)
      const flip = { file, bit: random.integer(sizes[files.indexOf(file)]! * 8) }
      const where = JSON.stringify(flip)
      await flipIn(whole, copy, flip)
      const complaint = await complaintAbout(copy)
      found.set(complaint ?? 'harmless', (found.get(complaint ?? 'harmless') ?? 0) + 1)
      if (complaint === undefined) {
        expect(await entriesOf(copy), where).toEqual(entries)
        continue
      }
      const { damagedLogs } = await checkStore(copy, { reindex: true })
      // A log that has lost records is named until peers send it again, or a start closes the own one.
      const mended = await checkStore(copy, { reindex: false })
      expect(mended.uncleanStop, where).toBe(false)
      expect(mended.damagedLogs, where).toEqual(damagedLogs)
      expect(isClean({ ...mended, damagedLogs: [] }), JSON.stringify(mended)).toBe(true)
      const held = await sidsIn(copy)
      expect(
        held.filter((sid) => !sids.includes(sid)),
        where,
      ).toEqual([])
      // A turned bit costs what stands in its block, and of the rest nothing.
      expect(held.length, where).toBeGreaterThanOrEqual(sids.length - MAX_LOST)
      if (held.length < sids.length) lossy++
    }
    console.log(
      `${FLIPS} flips: ${[...found].map(([what, n]) => `${n} ${what}`).join(', ')}; ${lossy} have cost statements`,
    )
    // Not one of them was for nothing: bits that cost statements are among them.
    expect(lossy).toBeGreaterThan(0)
  },
)
