/** Properties of the verdict about which results count at all. */
import assert from 'node:assert/strict'
import type { Rebuild } from '../../protocol/rebuild.ts'
import type { Answer } from '../../protocol/verdict/answer.ts'
import type { LogView } from '../../protocol/verdict/log-view.ts'
import {
  digests,
  DISK_FULL,
  hex,
  makeRebuild,
  makeRelease,
  makeWithdrawal,
  manifest,
  operatorId,
  UNSTABLE,
} from './verdict-cases.ts'
import { type Check, POLICY_NAMES, withMore } from './verdict-perturbations.ts'

export const countingChecks = {
  'failures of infrastructure change nothing': (decide, input, random) => {
    const releases = input.statements.filter(({ body }) => body.kind === 'release')
    if (releases.length === 0) return
    const release = random.pick(releases) as ReturnType<typeof makeRelease>
    const failures = POLICY_NAMES.map((by) =>
      makeRebuild({ by, release, outcome: DISK_FULL, says: 'w', sid: hex(`disk ${by} full`) }),
    )
    assert.deepEqual(decide(withMore(input, failures)), decide(input))
  },

  'results made under emulation count only where the policy says so': (decide, input, random) => {
    const releases = input.statements.filter(({ body }) => body.kind === 'release')
    if (releases.length === 0 || input.policy.countEmulated) return
    const release = random.pick(releases) as ReturnType<typeof makeRelease>
    const outcome = random.pick([UNSTABLE, { kind: 'built' as const, rebuilt: digests('w') }])
    const emulated = POLICY_NAMES.map((by) =>
      makeRebuild({ by, release, outcome, emulated: true, sid: hex(`emulated ${by}`) }),
    )
    const [before, after] = [decide(input), decide(withMore(input, emulated))]
    const { flags: _before, reasons: _said, ...was } = before
    const { flags: _after, reasons: _says, ...is } = after
    assert.deepEqual(is, was)
  },

  'a result that is none of its release changes nothing': (decide, input, random) => {
    const releases = input.statements.filter(({ body }) => body.kind === 'release')
    if (releases.length === 0) return
    const release = random.pick(releases) as ReturnType<typeof makeRelease>
    const flaws: Partial<Rebuild>[] = [
      { inputDigest: hex('no input') },
      { publishedDigest: manifest('no subject') },
      { commit: hex('no commit').slice(0, 40) },
      { release: hex('unknown release') },
      { image: 'ghcr.io/acme/other' },
      { profile: 'rebuildnet/9' },
    ]
    const flawed = POLICY_NAMES.flatMap((by) =>
      flaws.map((override, i) =>
        makeRebuild({
          by,
          release,
          override,
          built: random.pick(['D', 'w']),
          supersedes: i === 5 ? [] : input.statements.map(({ sid }) => sid),
          sid: hex(`flawed ${by} ${i}`),
        }),
      ),
    )
    assert.deepEqual(decide(withMore(input, flawed)), decide(input))
  },

  "what is not in its signer's log neither counts nor takes back": (decide, input, random) => {
    const releases = input.statements.filter(({ body }) => body.kind === 'release')
    if (releases.length === 0) return
    const release = random.pick(releases) as ReturnType<typeof makeRelease>
    const sids = input.statements.map(({ sid }) => sid)
    // An operator that cannot be believed is another matter: what it ever said is dissent.
    const sound = POLICY_NAMES.filter(
      (name) =>
        !input.view.isEquivocator(operatorId(name)) &&
        input.statements.filter(
          ({ body }) => body.kind === 'operator' && body.operator === operatorId(name),
        ).length === 1 &&
        input.policy.operators.every(
          ({ id, card }) => id !== operatorId(name) || card === undefined,
        ),
    )
    // Neither is a key that one of those lists as well.
    const theirs = new Set(
      input.statements.flatMap(({ body }) =>
        body.kind === 'operator' && !sound.some((name) => operatorId(name) === body.operator)
          ? body.keys
          : [],
      ),
    )
    const extra = sound
      .flatMap((by) => [
        makeRebuild({ by, release, built: 'w', supersedes: sids, sid: hex(`unlogged ${by}`) }),
        makeWithdrawal(by, random.pick(sids), { sid: hex(`unlogged withdrawal ${by}`) }),
      ])
      .filter(({ key }) => !theirs.has(key))
    const unlogged = new Set(extra.map(({ sid }) => sid))
    const view: LogView = {
      ...input.view,
      isCounted: (sid, key, operator) =>
        !unlogged.has(sid) && input.view.isCounted(sid, key, operator),
    }
    const strip = ({
      unlogged: _u,
      unloggedVoices: _v,
      why: _w,
      reasons: _r,
      ...rest
    }: Answer): object => rest
    assert.deepEqual(strip(decide({ ...withMore(input, extra), view })), strip(decide(input)))
  },
} satisfies Record<string, Check>
