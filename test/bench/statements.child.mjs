/**
 * `statements.child.mjs bare|whole THREADS COUNT` prints the seconds that COUNT statements take: the
 * bare equation in so many threads (0: in this one), or all that a node does until they are stored.
 */
import { Buffer } from 'node:buffer'
import { performance } from 'node:perf_hooks'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { createPublicKey, verify } from 'node:crypto'
import { setImmediate as pause } from 'node:timers/promises'

const PIECE = 512
const SPKI = Buffer.from('302a300506032b6570032100', 'hex')

/** What the equation is about, as the statements have it. */
async function triples(statements) {
  const { parseEnvelope } = await import('../../dist/protocol/envelope.js')
  const { preAuthEncoding } = await import('../../dist/protocol/dsse.js')
  return statements.map((bytes) => {
    const { publicKey, signature, payload } = parseEnvelope(bytes)
    return { publicKey, signature, message: preAuthEncoding(payload) }
  })
}

const keys = new Map()
function keyOf(publicKey) {
  const name = Buffer.from(publicKey).toString('hex')
  const known = keys.get(name)
  if (known !== undefined) return known
  const der = Buffer.concat([SPKI, publicKey])
  const key = createPublicKey({ key: der, format: 'der', type: 'spki' })
  keys.set(name, key)
  return key
}

function verifyAll(all) {
  for (const { publicKey, signature, message } of all) {
    if (!verify(null, message, keyOf(publicKey), signature)) throw new Error('a bad signature')
  }
}

async function makeStatements(count) {
  const { makeOperator, makeRebuild, makeRelease, digestOf } =
    await import('../support/statements.ts')
  const materials = Array.from({ length: 4 }, (_, i) => ({
    uri: `docker://registry.example/base/image-${i}`,
    digest: digestOf(`base ${i}`),
  }))
  const release = makeRelease()
  const operators = Array.from({ length: 10 }, (_, i) => makeOperator(`rebuilder ${i}`))
  const made = Array.from(
    { length: count },
    (_, i) =>
      makeRebuild({
        operator: operators[i % 10],
        release,
        materials,
        finished: 1_767_300_000 + i,
      }).bytes,
  )
  return {
    release,
    made,
    ids: operators.map(({ id }) => id),
    cards: operators.map(({ card }) => card),
  }
}

async function bare(statements, threads) {
  const all = await triples(statements)
  if (threads === 0) {
    const before = performance.now()
    verifyAll(all)
    return performance.now() - before
  }
  const share = Math.ceil(all.length / threads)
  const workers = Array.from({ length: threads }, (_, i) => {
    const piece = all.slice(i * share, (i + 1) * share)
    return new Worker(new URL(import.meta.url), { workerData: piece })
  })
  const all_ = (message) =>
    Promise.all(
      workers.map((worker) => {
        const answered = new Promise((resolve) => worker.once('message', resolve))
        if (message !== undefined) worker.postMessage(message)
        return answered
      }),
    )
  await all_()
  const before = performance.now()
  await all_('go')
  return performance.now() - before
}

/** What sync does with a frame, and gossip with a burst: verify, judge who says it, store. */
async function whole({ release, made, ids, cards }, threads) {
  const { nodeCrypto } = await import('../../dist/node/crypto/node-crypto.js')
  const { Verifier } = await import('../../dist/node/crypto/verifier.js')
  const { StoreAdmission } = await import('../../dist/node/admission.js')
  const { Signers } = await import('../../dist/node/signers.js')
  const { Store } = await import('../../dist/node/store/store.js')
  const { createLogger } = await import('../../dist/node/logger.js')
  const { openStatement } = await import('../../dist/protocol/open-statement.js')
  const folder = await mkdtemp(join(tmpdir(), 'rebuildnet-bench-'))
  const open = (bytes) => openStatement(bytes, nodeCrypto)
  const store = await Store.open(
    { open, crypto: nodeCrypto, logger: createLogger('silent') },
    { directory: folder, freeSpaceLimits: { minFreeBytes: 0, minFreeShare: 0 } },
  )
  const signers = new Signers()
  for (const { bytes, statement } of cards) {
    await store.statements.put(bytes)
    signers.add(statement)
  }
  await store.statements.put(release.bytes)
  const admission = new StoreAdmission({
    store,
    crypto: nodeCrypto,
    signers,
    images: () => [release.statement.body.image],
    wanted: () => new Set(ids),
    stored: () => undefined,
  })
  const verifier = new Verifier({ threads: Math.max(1, threads) })
  // Threads take a moment to begin with.
  if (threads > 0) await verifier.prepare(made.slice(0, 64))
  const before = performance.now()
  let next = threads === 0 ? undefined : verifier.prepare(made.slice(0, PIECE))
  for (let i = 0; i < made.length; i += PIECE) {
    const piece = made.slice(i, i + PIECE)
    await next
    // The threads work on the next ones while these are stored.
    if (threads > 0) next = verifier.prepare(made.slice(i + PIECE, i + 2 * PIECE))
    const outcomes = await Promise.all(piece.map((bytes) => admission.accept(open(bytes), bytes)))
    if (outcomes.some((outcome) => outcome !== 'stored')) throw new Error('one was not stored')
    await pause()
  }
  const ms = performance.now() - before
  await verifier.stop()
  await store.close()
  await rm(folder, { recursive: true })
  return ms
}

if (isMainThread) {
  const [mode, threads, count] = process.argv.slice(2)
  const statements = await makeStatements(Number(count))
  const ms =
    mode === 'bare'
      ? await bare(statements.made, Number(threads))
      : await whole(statements, Number(threads))
  process.stdout.write(`${JSON.stringify({ seconds: ms / 1000 })}\n`)
  process.exit(0)
} else {
  parentPort.once('message', () => {
    verifyAll(workerData)
    parentPort.postMessage('done')
  })
  // Every key is read before the time runs.
  verifyAll(workerData.slice(0, 20))
  parentPort.postMessage('ready')
}
