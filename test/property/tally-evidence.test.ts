/** What the tally reads by index decides every question as all statements of its images would. */
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { TallyEvidence, type EvidenceStore } from '../../node/tally-evidence.ts'
import { isRelease, Tally } from '../../node/tally.ts'
import type { Release } from '../../protocol/release.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import { decide } from '../../protocol/verdict/decide.ts'
import { uncheckedView } from '../../protocol/verdict/log-view.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import {
  announcers,
  DIGESTS,
  mapped,
  MIRROR,
  PLATFORMS,
  policy,
  project,
  rebuilders,
  StatementMaker,
} from '../support/statement-maker.ts'
import { imageDigests, TEST_IMAGE, TEST_TIME } from '../support/statements.ts'
import { temporaryStore } from '../support/temporary-store.ts'
import { generateCase } from '../support/verdict-generator.ts'

const CASES = 2_000
const STORES = 10
const STATEMENTS = 60

/** The statements of one generated case, as a store gives them. */
function storeOf(statements: readonly SignedStatement[]): EvidenceStore {
  const of = (image: string, kind: string): never[] =>
    statements.filter(
      ({ body }) => body.kind === kind && (body.kind === 'operator' ? '' : body.image) === image,
    ) as never[]
  return {
    ofImage: async (image: string, kind: string) => of(image, kind),
    outlines: async (image: string) =>
      // As the store gives them: without what is not in an outline.
      of(image, 'release').map(({ sid, key, body }: SignedStatement<Release>) => {
        const { kind, version, platforms, announced, source } = body
        const { repository, commit } = source
        return {
          ...{ sid, key },
          body: {
            ...{ kind, image, version, platforms, announced },
            source: { repository, commit },
          },
        }
      }),
    present: async (sids: readonly string[]) =>
      statements.filter(({ sid }) => sids.includes(sid)).map((statement) => ({ statement })),
    ofInput: async (input: string) =>
      statements.filter(({ body }) => 'inputDigest' in body && body.inputDigest === input) as never,
    cards: async () => of('', 'operator'),
    revisionOf: () => '',
  }
}

describe('what the tally reads', () => {
  it(`decides ${CASES} generated cases as everything would`, async () => {
    let spared = 0
    for (let seed = 0; seed < CASES; seed++) {
      const input = generateCase(seed)
      const evidence = new TallyEvidence({
        statements: storeOf(input.statements),
        crypto: nodeCrypto,
      })
      const about = await evidence.about(input.question, input.policy)
      if (about.statements.filter(isRelease).length < about.outlines.length) spared++
      const images = mapped(input.question, input.policy)
      const all = input.statements.filter(
        ({ body }) => body.kind === 'operator' || images.has(body.image),
      )
      expect(decide({ ...input, ...about }), `seed ${seed}`).toEqual(
        decide({ ...input, statements: all }),
      )
    }
    // Often some release was not read itself.
    expect(spared).toBeGreaterThan(CASES / 20)
  })

  it('gives the answers that all statements of a store would, at any time while it fills', async () => {
    const verdicts = new Set<string>()
    for (let seed = 0; seed < STORES; seed++) {
      const random = new SeededRandom(seed)
      const maker = new StatementMaker(random)
      const { statements } = await temporaryStore()
      const tally = new Tally({
        statements,
        policy: () => policy,
        projects: () => [project],
        incomplete: () => false,
        view: () => uncheckedView,
        now: () => TEST_TIME + 3600,
        crypto: nodeCrypto,
        changed: async () => undefined,
        failed: (error) => expect.unreachable(String(error)),
      })
      for (const { card } of [...announcers, ...rebuilders]) {
        if (random.chance(0.8)) await statements.put(card.bytes)
      }
      for (let i = 0; i < STATEMENTS; i++) {
        await statements.put(maker.make().bytes)
        const question = {
          repository: random.pick([TEST_IMAGE, TEST_IMAGE, MIRROR]),
          digest: imageDigests(random.pick(['good', 'good', ...DIGESTS])).manifestDigest,
          platform: random.pick(PLATFORMS),
        }
        const images = [...mapped(question, policy)]
        const all = await Promise.all(images.map((image) => statements.ofImage(image)))
        const expected = decide({
          question,
          statements: [...all.flat(), ...(await statements.cards())],
          projects: [project],
          policy,
          view: uncheckedView,
          now: TEST_TIME + 3600,
          crypto: nodeCrypto,
        })
        verdicts.add(expected.verdict)
        expect(await tally.answer(question), `seed ${seed}, ${i}`).toEqual(expected)
        // Kept, and the same.
        expect(await tally.answer(question), `seed ${seed}, ${i} again`).toEqual(expected)
      }
    }
    expect([...verdicts].sort()).toEqual([
      ...['contradicted', 'diverged', 'pending', 'reproduced', 'unknown'],
    ])
  })
})
