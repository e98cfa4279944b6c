/**
 * What must hold of the verdict whatever the evidence: each a check over seeded cases that throws
 * at the first one that breaks it, naming the seed.
 *
 * They take the implementation as an argument, so that mutants of it can be shown to fail them.
 */
import { rulesFor } from '../../protocol/policy.ts'
import assert from 'node:assert/strict'
import type { SignedStatement } from '../../protocol/statement.ts'
import type { decide as Decide } from '../../protocol/verdict/decide.ts'
import type { LogView } from '../../protocol/verdict/log-view.ts'
import { assertAgrees } from './oracle/compare.ts'
import { SeededRandom } from './seeded-random.ts'
import {
  hex,
  IMAGE,
  keyOf,
  makeRebuild,
  makeRelease,
  makeWithdrawal,
  NOW,
  operatorId,
} from './verdict-cases.ts'
import { countingChecks } from './verdict-counting-properties.ts'
import { generateCase, type GeneratedCase } from './verdict-generator.ts'
import {
  type Check,
  isMapped,
  isRebuild,
  POLICY_NAMES,
  standingResults,
  strangersWord,
  undated,
  votesIn,
  withMore,
} from './verdict-perturbations.ts'

export interface VerdictImplementation {
  readonly decide: typeof Decide
}

const RANK = { deny: 0, undecided: 1, allow: 2 }
const generated: GeneratedCase[] = []

/** Cases are made once for all properties. */
function caseOf(seed: number): GeneratedCase {
  return (generated[seed] ??= generateCase(seed))
}

const checks = {
  'allow only with k distinct operators of the policy on one cell, digest and mapping': (
    decide,
    input,
  ) => {
    const answer = decide(input)
    if (answer.decision !== 'allow') return
    const trusted = new Set(input.policy.operators.map(({ id }) => id))
    const mapped = answer.supporters.filter(isMapped)
    const names = new Set(mapped.map(({ operator }) => operator))
    assert.equal(names.size, mapped.length)
    assert.ok(names.size >= answer.need)
    assert.equal(new Set(mapped.map(({ maps }) => maps)).size, 1)
    const bySid = new Map(input.statements.map((statement) => [statement.sid, statement.body]))
    for (const { operator, sids, vote } of mapped) {
      assert.ok(trusted.has(operator))
      const results = sids.map((sid) => bySid.get(sid))
      assert.ok(results.length > 0)
      for (const result of results) {
        assert.ok(result?.kind === 'rebuild' && result.outcome.kind === 'built')
        assert.equal(result.inputDigest, answer.inputDigest)
        const { manifestDigest, normalizedDigest, rootfsDigest } = result.outcome.rebuilt
        assert.ok(vote.kind === 'digest')
        assert.ok([manifestDigest, normalizedDigest, rootfsDigest].includes(vote.digest))
      }
    }
    assert.ok(answer.dissenters.length < answer.need)
  },

  'order, duplication and batching do not matter': (decide, input, random) => {
    const again = random.shuffle([...input.statements, ...input.statements.slice(0, 5)])
    const batches = (function* () {
      yield* again
    })()
    assert.deepEqual(decide({ ...input, statements: batches }), decide(input))
  },

  'times in statements do not matter': (decide, input, random) => {
    const time = (): number => NOW + random.integer(1_000_000) - 500_000
    const statements = input.statements.map(({ sid, key, body }): SignedStatement => {
      if (body.kind === 'rebuild') {
        return { sid, key, body: { ...body, started: time(), finished: time() } }
      }
      if (body.kind === 'release') return { sid, key, body: { ...body, announced: time() } }
      if (body.kind === 'withdrawal') return { sid, key, body: { ...body, withdrawn: time() } }
      return { sid, key, body }
    })
    assert.deepEqual(undated(decide({ ...input, statements })), undated(decide(input)))
  },

  'statements of keys outside policy and project files change nothing': (decide, input, random) => {
    const more = withMore(input, strangersWord(input, random))
    assert.deepEqual(decide(more), decide(input))
  },

  'a release by an operator that no project file names as announcer changes nothing': (
    decide,
    input,
    random,
  ) => {
    const named = new Set(input.projects.flatMap(({ announcers }) => announcers))
    // Whose key an announcer's card lists speaks for the announcer.
    const announcing = new Set(
      input.statements.flatMap(({ body }) =>
        body.kind === 'operator' && named.has(body.operator) ? body.keys : [],
      ),
    )
    const by = random.pick(POLICY_NAMES.filter((name) => !announcing.has(keyOf(name))))
    const release = makeRelease({ announcer: by, sid: hex(`not an announcer ${by}`) })
    const votes = POLICY_NAMES.map((name) =>
      makeRebuild({ by: name, release, sid: hex(`on it ${by} ${name}`) }),
    )
    assert.deepEqual(decide(withMore(input, [release, ...votes])), decide(input))
  },

  "a result equal at every level to its operator's live one never lowers a decision": (
    decide,
    input,
    random,
  ) => {
    const live = standingResults(input)
    if (live.length === 0) return
    const copies = random
      .shuffle(live)
      .slice(0, 3)
      .map((result) => ({
        ...result,
        sid: hex(`copy of ${result.sid}`),
        body: { ...result.body, supersedes: [] },
      }))
    const [before, after] = [decide(input), decide(withMore(input, copies))]
    assert.ok(RANK[after.decision] >= RANK[before.decision])
    assert.equal(after.verdict, before.verdict)
  },

  'removing results of operators without live conflict never creates support': (
    decide,
    input,
    random,
  ) => {
    const before = decide(input)
    const conflicted = new Set(
      before.dissenters.flatMap(({ sids, vote }) => (vote.kind === 'self-conflict' ? sids : [])),
    )
    // A result that supersedes another is not removed alone: its victim would come back to life.
    const removable = standingResults(input).filter(
      ({ sid, body }) => body.supersedes.length === 0 && !conflicted.has(sid),
    )
    if (removable.length === 0) return
    const removed = new Set(random.shuffle(removable).slice(0, 1 + random.integer(2)))
    const rest = input.statements.filter((statement) => !removed.has(statement as never))
    const after = decide({ ...input, statements: rest })
    const same = after.inputDigest === before.inputDigest && after.level === before.level
    if (!same || after.verdict !== before.verdict) return
    const votes = votesIn(before)
    for (const { operator, vote } of after.supporters) {
      assert.ok(vote.kind === 'digest' && votes.has(`${operator} ${vote.digest}`))
    }
  },

  'hiding what an operator said never gives an allow where nobody may be silent': (
    decide,
    input,
    random,
  ) => {
    const complete = new Set(input.policy.operators.map(({ id }) => id))
    const strict = {
      ...input,
      policy: {
        ...input.policy,
        maxSilent: 0,
        freshness: 'required' as const,
        images: [],
      },
      view: { ...input.view, checked: true, completeUpTo: () => NOW - 60, clockSuspect: false },
    }
    const victim = random.pick(POLICY_NAMES)
    if (!complete.has(operatorId(victim))) return
    const shown = strict.statements.filter(
      (statement) => !isRebuild(statement) || statement.key !== keyOf(victim),
    )
    const hidden: LogView = {
      ...strict.view,
      completeUpTo: (operator) => (operator === operatorId(victim) ? undefined : NOW - 60),
    }
    assert.notEqual(decide({ ...strict, statements: shown, view: hidden }).decision, 'allow')
  },

  'nothing is allowed while more operators are silent than the policy bears, or fewer than k supporters are fresh':
    (decide, input) => {
      const answer = decide(input)
      if (answer.decision !== 'allow') return
      const { freshness } = rulesFor(input.policy, input.question.repository).rules
      assert.ok(answer.freshness === 'fresh' || freshness === 'off')
      assert.deepEqual(
        answer.flags.filter((flag) =>
          ['stale', 'clock-suspect', 'insufficient-diversity', 'withdrawn'].includes(flag),
        ),
        [],
      )
      const firm = answer.supporters.filter(
        (voice) => isMapped(voice) && !answer.silent.includes(voice.operator),
      )
      assert.ok(firm.length >= answer.need)
      if (answer.freshness !== 'fresh') return
      const maxAge = input.policy.maxAgeSeconds
      for (const { operator } of firm) {
        const time = input.view.completeUpTo(operator, IMAGE)
        assert.ok(time !== undefined && NOW - time < maxAge)
      }
    },

  'as now grows, nothing stays allow, and contradicted stays deny': (decide, input, random) => {
    const now = decide(input)
    const later = decide({ ...input, now: NOW + random.integer(200) * 86_400 })
    const latest = decide({ ...input, now: NOW + 200 * 86_400 })
    assert.notEqual(latest.decision, 'allow')
    assert.equal(later.verdict, now.verdict)
    if (now.verdict === 'contradicted') {
      assert.equal(later.decision, 'deny')
      assert.equal(latest.decision, 'deny')
    }
  },

  'an operator that is found to equivocate never turns what was no allow into one': (
    decide,
    input,
    random,
  ) => {
    const forked = operatorId(random.pick(POLICY_NAMES))
    const view: LogView = {
      ...input.view,
      isEquivocator: (operator) => operator === forked || input.view.isEquivocator(operator),
    }
    const [before, after] = [decide(input), decide({ ...input, view })]
    if (before.decision !== 'allow') assert.notEqual(after.decision, 'allow')
    for (const { operator } of after.supporters) assert.notEqual(operator, forked)
  },

  'an announcer can take an allow away and never give one, nor resolve a contradiction': (
    decide,
    input,
    random,
  ) => {
    const releases = input.statements.filter(({ body }) => body.kind === 'release')
    if (releases.length === 0) return
    const target = random.pick(releases)
    const withdrawal = makeWithdrawal('', target.sid, {
      key: target.key,
      sid: hex(`withdrawal of ${target.sid}`),
    })
    const before = decide(input)
    const after = decide(withMore(input, [withdrawal]))
    assert.ok(RANK[after.decision] <= RANK[before.decision])
    assert.equal(after.verdict, before.verdict)
    if (before.release === target.sid) assert.equal(after.decision, 'deny')
    if (!after.flags.includes('withdrawn') || target.body.kind !== 'release') return
    const again = { ...target, sid: hex(`again ${target.sid}`) }
    assert.equal(decide(withMore(input, [withdrawal, again])).decision, 'deny')
  },

  'a result that is taken back is dead for ever, whatever comes later': (decide, input, random) => {
    const live = standingResults(input)
    if (live.length === 0) return
    const target = random.pick(live)
    const withdrawal = makeWithdrawal('', target.sid, {
      key: target.key,
      sid: hex(`taking back ${target.sid}`),
    })
    const undoing = makeWithdrawal('', withdrawal.sid, {
      key: target.key,
      sid: hex(`undoing ${target.sid}`),
    })
    const once = decide(withMore(input, [withdrawal]))
    assert.deepEqual(decide(withMore(input, [withdrawal, undoing])), once)
    const muted = once.silent
    for (const { operator, sids } of [...once.supporters, ...once.unreproduced]) {
      if (!muted.includes(operator)) assert.ok(!sids.includes(target.sid))
    }
  },

  ...countingChecks,

  'without checked logs nothing is allowed unless the policy waives freshness': (decide, input) => {
    const policy = { ...input.policy, freshness: 'required' as const, images: [] }
    const view = { ...input.view, checked: false }
    const answer = decide({ ...input, policy, view })
    assert.equal(answer.freshness, 'unchecked')
    assert.notEqual(answer.decision, 'allow')
  },

  'an allow is of a level that the policy accepts, and every pending answer says why': (
    decide,
    input,
  ) => {
    const { decision, level, verdict, why = [], reasons } = decide(input)
    const strength = ['rootfs', 'normalized', 'exact']
    const { accept } = input.policy
    if (decision === 'allow') assert.ok(strength.indexOf(level ?? '') >= strength.indexOf(accept))
    if (verdict === 'pending') assert.ok(why.length > 0)
    assert.ok(reasons.length > 0)
  },

  'a naive second implementation gives the same answer': (decide, input) => {
    assertAgrees(decide(input), input)
  },
} satisfies Record<string, Check>

export type VerdictProperty = keyof typeof checks

export const verdictProperties = Object.keys(checks) as VerdictProperty[]

/** Throws where `implementation` breaks `property` on one of the cases 0 to `cases - 1`. */
export function checkVerdictProperty(
  property: VerdictProperty,
  { decide }: VerdictImplementation,
  cases: number,
): void {
  const check: Check = checks[property]
  for (let seed = 0; seed < cases; seed++) {
    try {
      check(decide, caseOf(seed), new SeededRandom(seed ^ 0x5eed))
    } catch (cause) {
      // A crash is no verdict: it must not pass for a killed mutant.
      if (!(cause instanceof assert.AssertionError)) throw cause
      throw new Error(`"${property}" does not hold of seed ${seed}: ${String(cause)}`, { cause })
    }
  }
}
