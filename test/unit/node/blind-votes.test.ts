/** Promised results over a real store: when they are said, and what a process that dies leaves behind. */
import { onTestFinished, describe, expect, it } from 'vitest'
import { BlindVotes, type PromisedVote } from '../../../node/blind-votes.ts'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { createLogger } from '../../../node/logger.ts'
import { opens } from '../../../protocol/blind/reveal.ts'
import type { Commitment } from '../../../protocol/blind/commitment.ts'
import { createStatement } from '../../../protocol/create-statement.ts'
import type { Sid } from '../../../protocol/identifiers.ts'
import type { Rebuild } from '../../../protocol/rebuild.ts'
import type { SignedStatement } from '../../../protocol/statement.ts'
import { ManualClock } from '../../support/manual-clock.ts'
import {
  makeCommitment,
  makeOperator,
  makeRebuild,
  makeRelease,
  operatorOf,
  type TestOperator,
} from '../../support/statements.ts'
import { openStore, temporaryFolder } from '../../support/temporary-store.ts'

const [alice, bob, carol, stranger] = ['alice', 'bob', 'carol', 'stranger'].map((name) =>
  makeOperator(name),
) as [TestOperator, TestOperator, TestOperator, TestOperator]
const blind = makeRelease({ published: undefined })
const vote = makeRebuild({ release: blind }).statement.body
const promise = (by: TestOperator) =>
  makeCommitment(makeRebuild({ release: blind, operator: by }), { operator: by })

/** Alice's node, which trusts Alice, Bob and Carol, two of whom must agree. */
class Machine {
  readonly folder: string
  readonly clock = new ManualClock()
  key = alice.key
  readonly unlogged = new Set<Sid>()
  /** The node does not vote. */
  stopped = false
  /** What was written, in order, and whether it was on the disk then. */
  readonly written: string[] = []
  /** Dies before, or right after, the nth statement is stored. */
  dies: { readonly at: number; readonly after: boolean } | undefined
  #store: Awaited<ReturnType<typeof openStore>> | undefined
  #published = 0

  constructor(folder: string) {
    this.folder = folder
  }

  get store() {
    if (this.#store === undefined) throw new Error('not started')
    return this.#store
  }

  /** A new process on the same disk. */
  async start(enabled = true): Promise<BlindVotes> {
    await this.stop()
    const store = await openStore(`${this.folder}/store`)
    this.#store = store
    const table = store.blind.as((value) => value as PromisedVote)
    const votes = new BlindVotes(
      {
        table: {
          all: () => table.all(),
          put: async (name, value, options) => {
            await table.put(name, value, options)
            this.written.push(options.sync ? 'salt' : 'salt, not on the disk')
          },
          delete: (name, options) => table.delete(name, options),
        },
        statements: store.statements,
        crypto: nodeCrypto,
        clock: this.clock,
        logger: createLogger('silent'),
        key: () => this.key.publicKey,
        operatorOf: (key) => operatorOf(key)?.id,
        isLogged: ({ sid }) => !this.unlogged.has(sid),
        trusted: () => ({ operators: new Set([alice.id, bob.id, carol.id]), threshold: 2 }),
        mayVote: () => !this.stopped,
        publish: async (body) => {
          const dies = ++this.#published === this.dies?.at ? this.dies : undefined
          if (dies?.after === false) throw new Error('killed')
          const { bytes, statement } = createStatement(body, this.key, nodeCrypto)
          await store.statements.put(bytes, { sync: true })
          this.written.push(body.kind)
          if (dies !== undefined) throw new Error('killed')
          return statement.sid
        },
        randomBytes: (length) => globalThis.crypto.getRandomValues(new Uint8Array(length)),
        // Nothing happens by itself: tests call check().
        later: () => () => undefined,
      },
      { enabled, waitSeconds: 7200, settleSeconds: 60 },
    )
    await votes.load()
    return votes
  }

  async stop(): Promise<void> {
    await this.#store?.close()
    this.#store = undefined
  }

  async take(...created: readonly { readonly bytes: Uint8Array }[]): Promise<void> {
    for (const { bytes } of created) await this.store.statements.put(bytes)
  }

  async own(): Promise<readonly SignedStatement[]> {
    return this.store.statements.ofKey(alice.key.publicKey)
  }

  async commitments(): Promise<readonly SignedStatement<Commitment>[]> {
    const all = await this.store.statements.ofImage(vote.image, 'commitment')
    return all.filter(({ key }) => key === alice.key.publicKey)
  }

  async results(): Promise<readonly SignedStatement<Rebuild>[]> {
    const all = await this.store.statements.ofImage(vote.image, 'rebuild')
    return all.filter(({ key }) => key === alice.key.publicKey)
  }
}

async function makeMachine(): Promise<Machine> {
  const machine = new Machine(await temporaryFolder())
  onTestFinished(() => machine.stop())
  return machine
}

async function expectOpened(machine: Machine): Promise<Rebuild> {
  const [commitments, results] = [await machine.commitments(), await machine.results()]
  expect([commitments.length, results.length]).toEqual([1, 1])
  const [commitment, result] = [commitments[0]!, results[0]!]
  expect(opens(result.body, result.key, commitment, nodeCrypto)).toBe(true)
  return result.body
}

describe('the result of a blind release', () => {
  it('is promised, with its salt on the disk before, and not said', async () => {
    const machine = await makeMachine()
    const votes = await machine.start()
    await machine.take(blind)
    const sid = await votes.say(vote)
    expect(machine.written).toEqual(['salt', 'commitment'])
    expect((await machine.own()).map((each) => each.sid)).toEqual([sid])
    await votes.check()
    expect(await machine.results()).toEqual([])
  })

  it('is said once enough trusted operators are committed and late ones had their time', async () => {
    const machine = await makeMachine()
    const votes = await machine.start()
    await votes.say(vote)
    const [ofBob, ofCarol, ofStranger] = [promise(bob), promise(carol), promise(stranger)]
    await machine.take(blind, ofStranger)
    await votes.check()
    machine.clock.advance(61)
    await votes.check()
    expect(await machine.results()).toEqual([])
    await machine.take(ofBob)
    await votes.check()
    await machine.take(ofCarol)
    machine.clock.advance(60)
    await votes.check()
    const { after } = await expectOpened(machine)
    const named = [ofBob, ofCarol, ofStranger].map(({ statement }) => statement.sid).sort()
    expect(after).toEqual(named)
    expect(votes.promised()).toEqual([])
  })

  it('does not count a commitment that is in no log', async () => {
    const machine = await makeMachine()
    const votes = await machine.start()
    await votes.say(vote)
    const ofBob = promise(bob)
    machine.unlogged.add(ofBob.statement.sid)
    await machine.take(ofBob)
    await votes.check()
    machine.clock.advance(60)
    await votes.check()
    expect(await machine.results()).toEqual([])
  })

  it('is said after a time, whoever is committed', async () => {
    const machine = await makeMachine()
    const votes = await machine.start()
    await votes.say(vote)
    machine.clock.advance(7199)
    await votes.check()
    expect(await machine.results()).toEqual([])
    machine.clock.advance(1)
    await votes.check()
    expect((await expectOpened(machine)).after).toBeUndefined()
  })

  it('is not said while the node does not vote, and as soon as it does', async () => {
    const machine = await makeMachine()
    const votes = await machine.start()
    await votes.say(vote)
    machine.stopped = true
    machine.clock.advance(7200)
    await votes.check()
    expect(await machine.results()).toEqual([])
    machine.stopped = false
    await votes.check()
    await expectOpened(machine)
  })

  it('is said at once where the image comes out', async () => {
    const machine = await makeMachine()
    const votes = await machine.start()
    await votes.say(vote)
    await machine.take(makeRelease({ publishes: blind.statement.sid }))
    await votes.check()
    await expectOpened(machine)
  })

  it('is never promised where it can be known already, or was said before', async () => {
    const machine = await makeMachine()
    const votes = await machine.start()
    await machine.take(blind, makeRelease({ publishes: blind.statement.sid }), promise(bob))
    await votes.say(vote)
    expect(await machine.commitments()).toEqual([])
    expect((await machine.results())[0]?.body.after).toHaveLength(1)
    const again = await makeMachine()
    const others = await again.start()
    await again.take(makeRebuild({ release: blind }))
    await others.say({ ...vote, finished: vote.finished + 1 })
    expect(await again.commitments()).toEqual([])
  })

  it('is said at once where that is what the configuration asks for, or an image is named', async () => {
    const machine = await makeMachine()
    const open = await machine.start(false)
    await open.say(vote)
    expect(machine.written).toEqual(['rebuild'])
    const votes = await machine.start()
    await votes.say(makeRebuild().statement.body)
    expect(machine.written).toEqual(['rebuild', 'rebuild'])
  })
})

describe('a key that is changed before a promise is kept', () => {
  it('says the result once, and opens nothing with it', async () => {
    const machine = await makeMachine()
    await (await machine.start()).say(vote)
    machine.key = bob.key
    const votes = await machine.start()
    await votes.start()
    await votes.check()
    expect(machine.written).toEqual(['salt', 'commitment', 'rebuild'])
    const all = await machine.store.statements.ofImage(vote.image, 'rebuild')
    expect(all.map(({ key, body }) => [key, body.reveals])).toEqual([
      [bob.key.publicKey, undefined],
    ])
    expect(votes.promised()).toEqual([])
  })
})

describe('a process that dies', () => {
  const killed = [
    ['between the salt and the commitment', { at: 1, after: false }],
    ['right after the commitment', { at: 1, after: true }],
  ] as const
  it.each(killed)('%s keeps its promise with the next start', async (_when, dies) => {
    const machine = await makeMachine()
    machine.dies = dies
    const first = await machine.start()
    await expect(first.say(vote)).rejects.toThrow('killed')
    const votes = await machine.start()
    await votes.start()
    expect(await machine.commitments()).toHaveLength(1)
    expect(votes.promisedOf(vote.release, vote.platform)).toBeDefined()
    machine.clock.advance(7200)
    await votes.check()
    await expectOpened(machine)
  })

  it.each([
    ['before it opens', false],
    ['right after it has opened', true],
  ])('%s a commitment opens it once', async (_when, after) => {
    const machine = await makeMachine()
    machine.dies = { at: 2, after }
    const first = await machine.start()
    await first.say(vote)
    machine.clock.advance(7200)
    await expect(first.check()).rejects.toThrow('killed')
    const votes = await machine.start()
    // Were it said again, it would be another statement: more is there to name.
    await machine.take(promise(bob))
    await votes.start()
    await expectOpened(machine)
    expect(votes.promised()).toEqual([])
    expect(await machine.store.blind.all()).toEqual([])
  })
})
