/** Whatever is pruned, no question about a followed project is answered otherwise than before. */
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { Retention, type RetentionTerms } from '../../node/disposable.ts'
import { wantedOperators } from '../../node/signers.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import { decide } from '../../protocol/verdict/decide.ts'
import { uncheckedView } from '../../protocol/verdict/log-view.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import {
  announcers,
  DIGESTS,
  MIRROR,
  PLATFORMS,
  policy,
  project,
  rebuilders,
  stranger,
  StatementMaker,
} from '../support/statement-maker.ts'
import {
  imageDigests,
  makeOperator,
  makeRelease,
  TEST_IMAGE,
  TEST_TIME,
} from '../support/statements.ts'
import { openStore, temporaryFolder } from '../support/temporary-store.ts'
import { generateCase } from '../support/verdict-generator.ts'

const CASES = (process.env.REBUILDNET_TEST_DEPTH ?? 'default') === 'default' ? 1_000 : 20_000
const STORES = 5
const STATEMENTS = 80
/** By when everything is old. */
const LATER = 10 * 366 * 86_400
const EVERYTHING = { after: LATER, olderThan: 0 }
const DAY = 86_400
/** Also times at which some of what could go is still young, and is kept. */
const TIMES = [EVERYTHING, { after: 0, olderThan: 0 }, { after: 8 * DAY, olderThan: 7 * DAY }]
const SELF = rebuilders[0]!
/** Never votes. */
const lurker = makeOperator('lurker')

function pruned(
  statements: readonly SignedStatement[],
  terms: Pick<RetentionTerms, 'images' | 'policy' | 'wanted' | 'self'>,
  { after, olderThan }: { readonly after: number; readonly olderThan: number } = EVERYTHING,
) {
  const retention = new Retention({ ...terms, logs: [], now: TEST_TIME + after, olderThan })
  for (const statement of statements) retention.note(statement)
  for (const statement of statements) retention.judge(statement)
  return retention.disposable()
}

describe('pruning', () => {
  it(`leaves the answers of ${CASES} generated cases as they were`, () => {
    let gone = 0
    for (let seed = 0; seed < CASES; seed++) {
      const input = generateCase(seed)
      const self = 'op1self'
      const images = input.projects.map(({ image }) => image)
      const wanted = wantedOperators(input.policy, input.projects, self)
      const terms = { images, policy: input.policy, wanted, self }
      const disposable = pruned(input.statements, terms, TIMES[seed % TIMES.length])
      gone += disposable.size
      const statements = input.statements.filter(({ sid }) => !disposable.has(sid))
      expect(decide({ ...input, statements }), `seed ${seed}`).toEqual(decide(input))
    }
    expect(gone).toBeGreaterThan(CASES / 10)
  })

  it('of a real store leaves it sound, every answer as it was, and what is own whole', async () => {
    const reasons = new Set<string>()
    for (let seed = 0; seed < STORES; seed++) {
      const random = new SeededRandom(seed)
      const folder = await temporaryFolder()
      const store = await openStore(folder)
      const { statements } = store
      for (const { card } of [...announcers, ...rebuilders, stranger, lurker]) {
        if (random.chance(0.9)) await statements.put(card.bytes)
      }
      const maker = new StatementMaker(random)
      for (let i = 0; i < STATEMENTS; i++) await statements.put(maker.make().bytes)
      await statements.put(makeRelease({ operator: lurker, version: `0.${seed}` }).bytes)

      const all: SignedStatement[] = []
      for await (const statement of statements.all()) all.push(statement)
      const images = [TEST_IMAGE]
      const wanted = wantedOperators(policy, [project], SELF.id)
      const disposable = pruned(all, { images, policy, wanted, self: SELF.id })
      for (const reason of disposable.values()) reasons.add(reason)
      const own = await statements.ofKey(SELF.key.publicKey)
      const ask = async () => {
        const answers: unknown[] = []
        for (const repository of [TEST_IMAGE, MIRROR]) {
          for (const platform of PLATFORMS) {
            for (const name of DIGESTS) {
              const question = {
                ...{ repository, platform, digest: imageDigests(name).manifestDigest },
              }
              const about = await Promise.all(
                [...new Set([repository, TEST_IMAGE])].map((image) => statements.ofImage(image)),
              )
              answers.push(
                decide({
                  question,
                  statements: [...about.flat(), ...(await statements.cards())],
                  projects: [project],
                  policy,
                  view: uncheckedView,
                  now: TEST_TIME + 3600,
                  crypto: nodeCrypto,
                }),
              )
            }
          }
        }
        return answers
      }
      const before = await ask()
      await statements.remove([...disposable.keys()])
      expect(await ask(), `seed ${seed}`).toEqual(before)
      expect(await statements.ofKey(SELF.key.publicKey)).toEqual(own)
      expect(statements.count()).toBe(all.length - disposable.size)
      for (const sid of disposable.keys()) expect(await statements.has(sid)).toBe(false)

      // Nothing leads to what is gone, and nothing is counted that is not here.
      expect(await statements.findDamaged()).toEqual([])
      expect(await store.reindex()).toMatchObject({ added: 0, removed: 0, damaged: [] })
      await store.close()
      const again = await openStore(folder)
      expect(again.uncleanStop).toBe(false)
      // What is sent again is taken in again.
      const [first] = disposable.keys()
      if (first !== undefined) expect(await again.statements.has(first)).toBe(false)
      await again.close()
    }
    expect([...reasons].sort()).toEqual(['card', 'not-followed', 'stranger'])
  })
})
