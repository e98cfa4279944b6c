/** A node whose own builds differ where those of others agree stops voting until somebody looks. */
import { describe, expect, it, onTestFinished } from 'vitest'
import { systemClock, unixSeconds } from '../../node/clock.ts'
import { Service } from '../../node/service/service.ts'
import {
  assembleNode,
  builtAs,
  buildProjects,
  PLAIN_RECIPE,
  receive,
  type Built,
} from '../support/assembled-node.ts'
import {
  makeNodeFolder,
  putStatements,
  writeSettings,
  type NodeFolder,
} from '../support/real-node.ts'
import { makeOperator, makeRebuild, makeRelease } from '../support/statements.ts'

/** Alice's node, which trusts bob and carol beside her; its builds give what `results` says, in turn. */
async function makeAlice(results: readonly Built[], others: readonly NodeFolder[]) {
  const alice = await makeNodeFolder('alice')
  await writeSettings(alice, alice, [alice, ...others], ['freshness = "off"'])
  await buildProjects(alice.root)
  const announced = unixSeconds(systemClock)
  const release = makeRelease({ operator: alice.operator, announced, recipe: PLAIN_RECIPE })
  const voteOf = ({ operator }: Pick<NodeFolder, 'operator'>) => makeRebuild({ operator, release })
  await putStatements(alice, release)
  const left = [...results]
  const start = async () => {
    const node = await assembleNode(alice.root, async () => {
      const next = left.shift()
      if (next === undefined) throw new Error('one build too many')
      return next
    })
    let stopped: Promise<void> | undefined
    const stop = () => (stopped ??= node.stop())
    onTestFinished(stop)
    const said = async () =>
      (await node.store.statements.rebuildsOf(release.statement.sid)).filter(
        ({ key }) => key === alice.operator.key.publicKey,
      )
    return { ...node, stop, said, service: new Service(node.parts) }
  }
  return { alice, voteOf, start, left }
}

const [bob, carol] = [await makeOther('bob'), await makeOther('carol')]

async function makeOther(name: string): Promise<NodeFolder> {
  const operator = makeOperator(name)
  return { name, root: '', identity: undefined as never, operator }
}

describe('a node that gets two things where others agree', () => {
  it('says nothing, stops, and votes again once its operator has looked', async () => {
    const { alice, voteOf, start } = await makeAlice(['x', 'y', 'good'].map(builtAs), [bob, carol])
    const first = await start()
    await receive(first.parts, bob.operator, voteOf(bob))
    await receive(first.parts, carol.operator, voteOf(carol))
    await first.parts.enqueueKnown()
    await first.parts.queue.start()
    await expect.poll(() => first.parts.gate.votingStop).toBeDefined()
    await expect.poll(() => first.parts.queue.list()[0]?.state).toBe('waiting')
    expect(await first.said()).toEqual([])
    const [alert] = await first.service.alerts({ open: true })
    expect(alert).toMatchObject({ kind: 'unstable-machine', severity: 'critical' })
    expect(alert?.reasons[0]).toContain('while 2 other operators agree')
    await first.stop()

    // Also after a restart, whatever is asked for.
    const second = await start()
    await second.parts.queue.start()
    await second.service.resumeQueue({})
    const { gate } = (await second.service.status()).queue
    expect(gate).toMatchObject({ open: false, votingStopped: { reasons: alert?.reasons } })
    const [vote] = [voteOf({ operator: alice.operator }).statement.body]
    await expect(second.parts.publish(vote)).rejects.toThrow('does not vote')

    await second.service.resumeQueue({ voting: true })
    await expect.poll(() => second.parts.queue.list()[0]?.state).toBe('done')
    expect((await second.said()).map(({ body }) => body.outcome.kind)).toEqual(['built'])
    expect(await second.service.alerts({ open: true })).toEqual([])
  })

  it('notices it also where the others come later, once for each result', async () => {
    const { voteOf, start } = await makeAlice([builtAs('x'), builtAs('y')], [bob, carol])
    const { parts, service, said } = await start()
    await parts.enqueueKnown()
    await parts.queue.start()
    await expect.poll(() => parts.queue.list()[0]?.state).toBe('done')
    expect((await said()).map(({ body }) => body.outcome.kind)).toEqual(['unstable'])
    await receive(parts, bob.operator, voteOf(bob))
    expect(parts.gate.votingStop).toBeUndefined()
    await receive(parts, carol.operator, voteOf(carol))
    await expect.poll(() => parts.gate.votingStop).toBeDefined()
    await service.resumeQueue({ voting: true })
    parts.tally.touchImages([parts.queue.list()[0]?.image ?? ''])
    await parts.tally.idle()
    await receive(parts, makeOperator('dave'))
    expect(parts.gate.votingStop).toBeUndefined()
  })

  it('counts no stranger: with one trusted operator against it, it says what it got', async () => {
    const { voteOf, start } = await makeAlice([builtAs('x'), builtAs('y')], [bob])
    const { parts, said } = await start()
    for (const operator of [
      bob.operator,
      ...['s1', 's2', 's3'].map((name) => makeOperator(name)),
    ]) {
      await receive(parts, operator, voteOf({ operator }))
    }
    await parts.enqueueKnown()
    await parts.queue.start()
    await expect.poll(() => parts.queue.list()[0]?.state).toBe('done')
    expect((await said()).map(({ body }) => body.outcome.kind)).toEqual(['unstable'])
    expect(parts.gate.votingStop).toBeUndefined()
  })
})
