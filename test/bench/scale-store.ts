/**
 * Data folders of nodes that hold very many statements, with the logs that they stand in: releases of
 * many projects, and of each release the results of nine rebuilders. Made once, and copied.
 */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { systemClock, unixSeconds } from '../../node/clock.ts'
import { createLogger } from '../../node/logger.ts'
import { initDataFolder } from '../../node/operator-identity.ts'
import { Store } from '../../node/store/store.ts'
import { concat } from '../../protocol/bytes.ts'
import { createStatement, type CreatedStatement } from '../../protocol/create-statement.ts'
import type { Crypto } from '../../protocol/crypto.ts'
import { buildInputOf, inputDigestOf } from '../../protocol/input-digest.ts'
import { signHead } from '../../protocol/log/head.ts'
import { packLeaf, tagOf } from '../../protocol/log/leaf.ts'
import { LogBook } from '../../protocol/log/log-book.ts'
import { LogTree } from '../../protocol/log/log-tree.ts'
import { makeOrigin } from '../../protocol/log/origin.ts'
import { openStatement } from '../../protocol/open-statement.ts'
import type { Material, Rebuild } from '../../protocol/rebuild.ts'
import type { Release } from '../../protocol/release.ts'
import {
  digestOf,
  hexOf,
  imageDigests,
  makeOperator,
  makeRebuild,
  makeRelease,
  type TestOperator,
} from '../support/statements.ts'
import { folder, say } from './report.ts'

const RELEASES_AN_IMAGE = 500
const VOTES_A_RELEASE = 9
const PLATFORM = 'linux/amd64'
const BATCH = 512

const DAY_SECONDS = 24 * 3600
/** Cards are of the day, and the same for the whole day. */
const TODAY = Math.floor(unixSeconds(systemClock) / DAY_SECONDS) * DAY_SECONDS
const CLAIMS = { issued: TODAY, expires: TODAY + 90 * DAY_SECONDS }

/** No key's log is longer than 65,536 leaves. */
const announcers = ['north', 'south'].map((name) => makeOperator(name, CLAIMS))
const rebuilders = Array.from({ length: 18 }, (_, i) => makeOperator(`rebuilder ${i}`, CLAIMS))

export const imageName = (image: number): string => `registry.example/scale/app-${image}`
export const imagesOf = (size: number): number =>
  Math.ceil(size / (RELEASES_AN_IMAGE * (VOTES_A_RELEASE + 1)))
export const releasesAnImage = RELEASES_AN_IMAGE

const publishedName = (image: number, n: number): string => `published ${image} ${n}`

/** The manifest that one release of one image published. */
export function digestIn(image: number, n: number): string {
  return imageDigests(publishedName(image, n)).manifestDigest
}

/** As many as make a result as long as a real one, some 1.9 KB. */
const materials = (): readonly Material[] =>
  Array.from({ length: 4 }, (_, i) => ({
    uri: `docker://registry.example/base/image-${i}`,
    digest: digestOf(`base ${i}`),
  }))

/** What was signed here a moment ago is not verified as well. */
const trusting: Crypto = { ...nodeCrypto, knownAnswer: () => 'ok' }

function* statementsOf(
  image: number,
  now: number,
): Generator<{ readonly operator: TestOperator; readonly made: CreatedStatement }> {
  const announcer = announcers[image % 2] as TestOperator
  const { body: first } = makeRelease({ image: imageName(image), announced: now - 7200 }).statement
  const times = { started: now - 3600, finished: now - 3000 }
  const { body: vote } = makeRebuild({ materials: materials(), ...times }).statement
  for (let n = 0; n < RELEASES_AN_IMAGE; n++) {
    const digests = imageDigests(publishedName(image, n))
    const { manifestDigest } = digests
    const source = { ...first.source, commit: hexOf(`commit ${image} ${n}`).slice(0, 40) }
    const platforms = [{ platform: PLATFORM, manifestDigest }]
    const body: Release = { ...first, version: `1.${n}.0`, source, platforms }
    const release = createStatement(body, announcer.key, trusting)
    yield { operator: announcer, made: release }
    const inputDigest = inputDigestOf(buildInputOf(body, PLATFORM), nodeCrypto)
    for (let i = 0; i < VOTES_A_RELEASE; i++) {
      const operator = rebuilders[(image % 2) * VOTES_A_RELEASE + i] as TestOperator
      const result: Rebuild = {
        ...vote,
        image: body.image,
        release: release.statement.sid,
        inputDigest,
        commit: source.commit,
        outcome: { kind: 'built', rebuilt: digests },
        publishedDigest: manifestDigest,
        published: digests,
        finished: now - 3000 + i,
      }
      yield { operator, made: createStatement(result, operator.key, trusting) }
    }
  }
}

/** A log of each operator, as its owner has it. */
class Writers {
  readonly #trees = new Map<string, { readonly operator: TestOperator; readonly tree: LogTree }>()

  add(operator: TestOperator, { statement }: CreatedStatement): void {
    const log = this.#trees.get(operator.id) ?? { operator, tree: new LogTree(nodeCrypto) }
    this.#trees.set(operator.id, log)
    const tag = tagOf(statement.body, nodeCrypto)
    log.tree.append(packLeaf({ kind: 'statement', sid: statement.sid, tag }))
  }

  /** Goes on from what a book has. */
  restore(book: LogBook, operator: TestOperator): void {
    const { text } = makeOrigin(operator.id, operator.key.publicKey, 0)
    const tree = new LogTree(nodeCrypto)
    tree.append(book.entries(text, 0, book.head(text)?.size ?? 0))
    this.#trees.set(operator.id, { operator, tree })
  }

  /** Signs heads, and gives them to a book with what they cover. */
  show(book: LogBook, time: number): void {
    for (const { operator, tree } of this.#trees.values()) {
      const origin = makeOrigin(operator.id, operator.key.publicKey, 0)
      const card = { version: 1, sid: operator.card.statement.sid }
      const fields = { origin, size: tree.size, root: tree.root(tree.size), card, time }
      const head = signHead(fields, operator.key, nodeCrypto)
      const answer = book.offerHead(head, time)
      if (answer.kind === 'needs-leaves') {
        book.addLeaves(answer.from, concat(tree.slots(answer.from, tree.size)), head)
      }
    }
  }
}

async function fill(store: Store, size: number): Promise<void> {
  const now = unixSeconds(systemClock)
  const book = new LogBook({ crypto: nodeCrypto, secret: randomBytes(16), wants: () => true })
  const writers = new Writers()
  let pending: CreatedStatement[] = []
  const flush = async (): Promise<void> => {
    writers.show(book, now - 60)
    for (let i = 0; i < pending.length; i += BATCH) {
      const piece = pending.slice(i, i + BATCH)
      await Promise.all(
        piece.map(({ bytes, statement }) => store.statements.put(bytes, { opened: statement })),
      )
    }
    for (const { bytes, statement } of pending) book.bodyArrived(statement, bytes)
    await store.write(book.takeRecords().map(({ name, value }) => store.logs.putting(name, value)))
    pending = []
  }
  for (const operator of [...announcers, ...rebuilders]) {
    writers.add(operator, operator.card)
    pending.push(operator.card)
  }
  let made = 0
  for (let image = 0; made < size; image++) {
    for (const each of statementsOf(image, now)) {
      if (made === size) break
      made++
      writers.add(each.operator, each.made)
      pending.push(each.made)
    }
    await flush()
    if (image % 20 === 19) say(`${made} statements`)
  }
  await flush()
}

/** The settings of a node that follows every project and trusts every rebuilder. */
async function writeSettings(root: string, images: number): Promise<void> {
  await writeFile(join(root, 'config.toml'), 'format = 1\nmin_free_mb = 0\n')
  const policy = [
    'format = 1',
    'threshold = 3',
    ...rebuilders.map(({ id, name }) => `[[operator]]\nid = "${id}"\nname = "${name}"`),
  ]
  await writeFile(join(root, 'policy.toml'), `${policy.join('\n')}\n`)
  const projects = join(root, 'projects')
  await mkdir(projects, { recursive: true })
  for (let image = 0; image < images; image++) {
    const text = `format = 1
image = "${imageName(image)}"
platforms = ["${PLATFORM}"]
source = "git+https://git.example/project/app"
announcers = ["${announcers[image % 2]?.id ?? ''}"]
[recipe]
builders = [{ name = "buildah", version = "1.28" }]
`
    await writeFile(join(projects, `app-${image}.toml`), text)
    await writeFile(
      join(projects, `app-${image}.json`),
      JSON.stringify({ format: 1, build: false, trustRecipe: false }),
    )
  }
}

export function openScaleStore(root: string): Promise<Store> {
  return Store.open(
    {
      open: (bytes) => openStatement(bytes, nodeCrypto),
      crypto: nodeCrypto,
      logger: createLogger('silent'),
    },
    {
      directory: join(root, 'store'),
      freeSpaceLimits: { minFreeBytes: 0, minFreeShare: 0 },
    },
  )
}

/** A fresh node with an identity of its own that follows the projects of `size`, and has nothing. */
export async function makeEmptyFolder(root: string, size: number): Promise<void> {
  await rm(root, { recursive: true, force: true })
  const init = { folder: root, name: 'bench', contact: '', claims: {} }
  await initDataFolder({ crypto: nodeCrypto, clock: systemClock }, init)
  await writeSettings(root, imagesOf(size))
}

/**
 * A data folder with `size` statements. Made once for a day: heads that are older are stale. Whoever
 * changes it works on a copy.
 */
export async function scaleFolder(size: number): Promise<string> {
  const day = new Date().toISOString().slice(0, 10)
  const root = join(folder, `scale-${size}-${day}`)
  if (existsSync(root)) return root
  say(`making a store of ${size} statements in ${root}`)
  const making = `${root}.new`
  await makeEmptyFolder(making, size)
  const store = await openScaleStore(making)
  await fill(store, size)
  await store.close()
  await rename(making, root)
  return root
}

/** A copy with an identity of its own, for a node to work on. */
export async function copyFolder(from: string, to: string, size: number): Promise<void> {
  await makeEmptyFolder(to, size)
  await cp(join(from, 'store'), join(to, 'store'), { recursive: true })
}

/** Adds releases of the first project, and their announcer's head of them. */
export async function addReleases(root: string, count: number): Promise<void> {
  const [operator] = announcers as [TestOperator]
  const store = await openScaleStore(root)
  const book = new LogBook({ crypto: nodeCrypto, secret: randomBytes(16), wants: () => true })
  const records = []
  for await (const record of store.logs.scan()) records.push(record)
  book.restore(records)
  const writers = new Writers()
  writers.restore(book, operator)
  const added = Array.from({ length: count }, (_, i) =>
    makeRelease({ operator, image: imageName(0), version: `2.${i}.0`, published: `more ${i}` }),
  )
  for (const release of added) {
    writers.add(operator, release)
    await store.statements.put(release.bytes)
  }
  writers.show(book, unixSeconds(systemClock))
  for (const { statement, bytes } of added) book.bodyArrived(statement, bytes)
  await store.write(book.takeRecords().map(({ name, value }) => store.logs.putting(name, value)))
  await store.close()
}
