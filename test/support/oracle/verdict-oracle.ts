/**
 * The verdict a second time, naively: sets written out as the rules say them, every quantifier a
 * loop over everything there is. It shares no code with protocol/verdict. It is slow, and that is
 * its merit: each line can be held against a sentence of the rules.
 */
import { buildInputOf, inputDigestOf } from '../../../protocol/input-digest.ts'
import { rulesFor, type Level, type PolicyOperator } from '../../../protocol/policy.ts'
import type { ImageDigests, LevelDigest, Rebuild } from '../../../protocol/rebuild.ts'
import type { DecideInput } from '../../../protocol/verdict/decide.ts'
import { only, rosterOracle, unique } from './roster-oracle.ts'

export interface OracleAnswer {
  readonly verdict: string
  readonly decision: string
  readonly level: string | undefined
  readonly flags: readonly string[]
  readonly freshness: string
  readonly have: number
  readonly need: number
  readonly supporters: readonly string[]
  readonly dissenters: readonly string[]
  readonly unreproduced: readonly string[]
  readonly absent: readonly string[]
  readonly silent: readonly string[]
  readonly retracted: readonly string[]
  readonly unlogged: readonly string[]
  readonly release: string | undefined
  readonly inputDigest: string | undefined
  readonly why: readonly string[]
}

/** [newer, older]: every pair of the generator's versions that has an order. */
const NEWER: readonly (readonly [string, string])[] = [
  ['1.1-rc1', '1.0'],
  ['1.1', '1.0'],
  ['2.0', '1.0'],
  ['1.1', '1.1-rc1'],
  ['2.0', '1.1-rc1'],
  ['2.0', '1.1'],
]
const ORDER = ['contradicted', 'diverged', 'reproduced', 'unreproducible', 'pending', 'unknown']
const STRENGTH: readonly Level[] = ['exact', 'normalized', 'rootfs']

const isNewer = (a: string, b: string): boolean => NEWER.some(([x, y]) => x === a && y === b)
const isStronger = (a: Level, b: Level): boolean => STRENGTH.indexOf(a) < STRENGTH.indexOf(b)
const text = (value: LevelDigest): string => (typeof value === 'string' ? value : `!${value.error}`)

function at(level: Level, digests: ImageDigests): string {
  if (level === 'exact') return digests.manifestDigest
  if (level === 'normalized') return text(digests.normalizedDigest)
  return text(digests.rootfsDigest)
}

/** Every way to give operators groups, one each: the largest number of groups that come out. */
function groupsOf(operators: readonly PolicyOperator[], taken: readonly string[] = []): number {
  const [first, ...rest] = operators
  if (first === undefined) return new Set(taken).size
  return Math.max(
    groupsOf(rest, taken),
    ...first.groups.map((group) => groupsOf(rest, [...taken, group])),
  )
}

export function oracle(input: DecideInput): OracleAnswer {
  const { question, policy, now, view, crypto } = input
  const statements = [...new Map([...input.statements].map((s) => [s.sid, s])).values()]
  const { rules, repository } = rulesFor(policy, question.repository)
  const k = rules.threshold
  const images = [question.repository, repository]
  const projects = input.projects.filter((p) => images.includes(p.image))
  const trusted = policy.operators.map((o) => o.id)

  const { operatorOf, standsBy, cannotBeBelieved, hasValidCard } = rosterOracle(input, statements)

  // Who can be relied on now
  const isFresh = (operator: string) =>
    projects.every(({ image }) => {
      const time = view.completeUpTo(operator, image)
      if (time === undefined) return false
      return time > now - rules.maxAgeSeconds && time <= now + 600
    })
  const looks = rules.freshness === 'required' && view.checked
  const silent = trusted.filter(
    (o) => cannotBeBelieved(o) || !hasValidCard(o) || (looks && !isFresh(o)),
  )
  const stale = looks && silent.length > rules.maxSilent

  // Releases and their cells
  const withdrew = (operator: string, sid: string) =>
    only(statements, 'withdrawal').some(
      (s) =>
        s.body.withdraws === sid &&
        operatorOf(s.key) === operator &&
        view.isCounted(s.sid, s.key, operator),
    )
  const announced = (trusted.length === 0 ? [] : only(statements, 'release')).flatMap((s) => {
    const announcer = operatorOf(s.key)
    const platform = s.body.platforms.find((p) => p.platform === question.platform)
    if (announcer === undefined || platform === undefined) return []
    return unique(
      projects
        .filter((p) => p.image === s.body.image)
        .filter((p) => p.source === s.body.source.repository)
        .filter((p) => p.announcers.includes(announcer))
        .map((p) => p.profile),
    ).map((profile) => ({
      sid: s.sid,
      counted: view.isCounted(s.sid, s.key, announcer),
      body: s.body,
      profile,
      published: platform.manifestDigest,
      input: inputDigestOf(buildInputOf(s.body, question.platform), crypto),
      withdrawn: withdrew(announcer, s.sid),
    }))
  })
  const candidates = announced.filter((c) => c.counted)
  const about = candidates.filter((c) => c.published === question.digest)
  const cells = unique(about.map((c) => `${c.input} ${c.profile}`)).map((cell) =>
    candidates.filter((c) => `${c.input} ${c.profile}` === cell),
  )

  const judge = (muted: (operator: string) => boolean) =>
    cells.map((releases) => {
      const [first] = releases
      if (first === undefined) throw new Error('a cell has a release')
      const tallied = only(statements, 'rebuild').flatMap((s) => {
        const operator = operatorOf(s.key)
        const release = releases.find((r) => r.sid === s.body.release)
        const fetched =
          'manifestDigest' in s.body.published ? s.body.published.manifestDigest : undefined
        if (release === undefined) return []
        const valid =
          s.body.image === release.body.image &&
          s.body.commit === release.body.source.commit &&
          s.body.platform === question.platform &&
          s.body.inputDigest === release.input &&
          s.body.publishedDigest === release.published &&
          (fetched === undefined || fetched === release.published)
        if (!valid || operator === undefined || !trusted.includes(operator)) return []
        return [{ ...s, operator, counted: view.isCounted(s.sid, s.key, operator) }]
      })
      const isDead = (r: (typeof tallied)[number]) =>
        withdrew(r.operator, r.sid) ||
        tallied.some(
          (o) => o.counted && o.operator === r.operator && o.body.supersedes.includes(r.sid),
        )
      const telling = tallied
        .filter((r) => r.body.profile === first.profile)
        .filter((r) => !(r.body.outcome.kind === 'failed' && r.body.outcome.class !== 'recipe'))
      const emulatedOnly = (() => {
        const live = telling.filter((r) => r.counted && !isDead(r))
        return live.length > 0 && live.every((r) => r.body.environment.emulated)
      })()
      const native = telling.filter((r) => rules.countEmulated || !r.body.environment.emulated)
      const standing = native.filter((r) => muted(r.operator) || (r.counted && !isDead(r)))
      const speaks = (r: (typeof tallied)[number]) =>
        !muted(r.operator) && standsBy(r.operator, r.key)
      const of = (operator: string) => standing.filter((r) => r.operator === operator)
      const built = (level: Level, r: { body: Rebuild }): string[] =>
        r.body.outcome.kind === 'built' ? [at(level, r.body.outcome.rebuilt)] : []
      const values = (operator: string, level: Level) =>
        unique(of(operator).flatMap((r) => built(level, r)))
      const said = (operator: string, level: Level) =>
        unique(
          of(operator)
            .filter(speaks)
            .filter((r) => r.body.publishedDigest === question.digest)
            .flatMap(({ body: { published } }) => {
              if (level === 'exact') return [question.digest]
              if ('unfetched' in published) return []
              return 'error' in published ? [`!${published.error}`] : [at(level, published)]
            }),
        )
      const votes = (v: string, level: Level) =>
        trusted.filter(
          (o) =>
            values(o, level).length === 1 &&
            of(o).some((r) => speaks(r) && built(level, r).includes(v)),
        )
      const maps = (w: string, level: Level) =>
        trusted.filter((o) => said(o, level).length === 1 && said(o, level).includes(w))
      const dissent = (v: string, level: Level) =>
        trusted.filter((o) => values(o, level).some((x) => x !== v))
      const failing = trusted.filter((o) => of(o).some((r) => r.body.outcome.kind !== 'built'))
      const both = (v: string, level: Level) =>
        votes(v, level).filter((o) => maps(v, level).includes(o))
      const universe = (level: Level) =>
        unique(trusted.flatMap((o) => [...values(o, level), ...said(o, level)]))
      const voted = (level: Level) =>
        universe(level).filter((v) => !v.startsWith('!') && votes(v, level).length > 0)
      const best = (among: readonly string[], level: Level) => {
        const mostBoth = Math.max(...among.map((v) => both(v, level).length))
        const first = among.filter((v) => both(v, level).length === mostBoth)
        const most = Math.max(...first.map((v) => votes(v, level).length))
        return unique(first.filter((v) => votes(v, level).length === most))[0]
      }

      const recipe: Level = first.body.recipe.builders.length > 1 ? 'rootfs' : 'normalized'
      const base = isStronger(rules.accept, recipe) ? recipe : rules.accept
      const holds = (level: Level) =>
        voted(level).filter(
          (v) =>
            both(v, level).length >= k &&
            dissent(v, level).length <= rules.maxDissent &&
            !(rules.countUnstable && votes(v, level).length <= failing.length),
        )
      const against = voted(base).filter(
        (v) =>
          votes(v, base).length >= k &&
          universe(base).some((w) => w !== v && maps(w, base).length >= k),
      )
      const conflicting = trusted.filter((o) => values(o, base).length > 1)
      let verdict = 'pending'
      if (unique([...failing, ...conflicting]).length >= k) verdict = 'unreproducible'
      if (holds(base).length > 0) verdict = 'reproduced'
      if (
        voted(base).length > 0 &&
        [...voted(base), 'anything else'].every((v) => dissent(v, base).length > rules.maxDissent)
      ) {
        verdict = 'diverged'
      }
      if (against.length > 0) verdict = 'contradicted'

      let level = base
      if (verdict === 'reproduced') {
        const upwards = STRENGTH.filter((l) => isStronger(l, base)).reverse()
        for (const next of upwards) {
          if (holds(next).length === 0) break
          level = next
        }
      }
      const accepted = verdict === 'reproduced' && !isStronger(rules.accept, level)
      const shown = accepted ? rules.accept : base
      const among = verdict === 'contradicted' ? against : accepted ? holds(shown) : voted(shown)
      const v = among.length === 0 ? undefined : best(among, shown)

      const reliable = v === undefined ? [] : both(v, shown).filter((o) => !silent.includes(o))
      const reliableOperators = policy.operators.filter((o) => reliable.includes(o.id))
      const undiverse = verdict === 'reproduced' && groupsOf(reliableOperators) < rules.minGroups
      const withdrawn =
        about.some((c) => c.withdrawn) ||
        releases.some((c) => c.published === undefined && c.withdrawn)
      const denied = withdrawn || ['contradicted', 'diverged', 'unreproducible'].includes(verdict)
      const allowed =
        accepted &&
        reliable.length >= k &&
        !undiverse &&
        !stale &&
        !view.clockSuspect &&
        rules.minBlind === 0 &&
        (view.checked || rules.freshness === 'off')
      const supporters = v === undefined ? [] : votes(v, shown)
      const dissenters =
        v === undefined ? trusted.filter((o) => values(o, shown).length > 0) : dissent(v, shown)
      const published = releases.filter((r) => r.published === question.digest)
      const unlogged = native.filter((r) => !r.counted).map((r) => r.sid)
      return {
        verdict,
        decision: denied ? 'deny' : allowed ? 'allow' : 'undecided',
        level,
        flags: [
          ...(undiverse ? ['insufficient-diversity'] : []),
          ...(withdrawn ? ['withdrawn'] : []),
          ...(emulatedOnly ? ['emulated-only'] : []),
        ],
        supporters,
        dissenters,
        unreproduced: failing,
        part: [...supporters, ...dissenters, ...failing],
        retracted: native
          .filter((r) => !muted(r.operator) && r.counted && isDead(r))
          .filter((r) => r.body.outcome.kind !== 'built' || built(shown, r)[0] !== v)
          .map((r) => r.sid),
        unlogged,
        release: newestIn(published),
        inputDigest: first.input,
        why:
          verdict !== 'pending'
            ? []
            : [
                ...(supporters.length < k ? ['votes-missing'] : []),
                ...(v !== undefined && both(v, shown).length < supporters.length
                  ? ['unmapped']
                  : []),
                ...(unlogged.length > 0 ? ['unlogged'] : []),
              ],
      }
    })

  const judged = judge(cannotBeBelieved)
  // Nobody's being unmasked may turn what was no `allow` into one.
  const doubted =
    trusted.some(cannotBeBelieved) &&
    unique(judge(() => false).map((j) => j.verdict)).sort(
      (x, y) => ORDER.indexOf(x) - ORDER.indexOf(y),
    )[0] !== 'reproduced'
  for (const j of judged) if (doubted && j.decision === 'allow') j.decision = 'undecided'

  // The one that decides, by one criterion after another; the first input of those left.
  let left = judged
  const keep = (measure: (j: (typeof judged)[number]) => number) => {
    const top = Math.max(...left.map(measure))
    left = left.filter((j) => measure(j) === top)
  }
  keep((j) => -ORDER.indexOf(j.verdict))
  keep((j) => (j.decision === 'allow' ? 1 : 0))
  keep((j) => -STRENGTH.indexOf(j.level))
  keep((j) => j.supporters.length)
  const [answer] = left

  const version = candidates.find((c) => c.sid === answer?.release)?.body.version
  const everyone = [...trusted, ...projects.flatMap((p) => p.announcers)]
  const unloggedRelease = announced.some((c) => c.published === question.digest)
  return {
    verdict: answer?.verdict ?? (announced.length > 0 ? 'pending' : 'unknown'),
    decision: answer?.decision ?? 'undecided',
    level: answer?.level,
    flags: unique([
      ...(answer?.flags ?? []),
      ...(stale ? ['stale'] : []),
      ...(view.clockSuspect ? ['clock-suspect'] : []),
      ...(everyone.some((o) => view.isEquivocator(o)) ? ['equivocation'] : []),
      ...(version !== undefined &&
      candidates.some((c) => !c.withdrawn && isNewer(c.body.version, version))
        ? ['superseded-release']
        : []),
    ]),
    freshness: !view.checked
      ? 'unchecked'
      : rules.freshness === 'off'
        ? 'off'
        : stale
          ? 'stale'
          : 'fresh',
    have: answer?.supporters.length ?? 0,
    need: k,
    supporters: unique(answer?.supporters ?? []),
    dissenters: unique(answer?.dissenters ?? []),
    unreproduced: unique(answer?.unreproduced ?? []),
    absent: unique(trusted.filter((o) => !silent.includes(o) && answer?.part.includes(o) !== true)),
    silent: unique(silent),
    retracted: unique(answer?.retracted ?? []),
    unlogged: unique(answer?.unlogged ?? []),
    release: answer?.release,
    inputDigest: answer?.inputDigest,
    why:
      answer !== undefined
        ? answer.why
        : announced.length === 0
          ? []
          : unloggedRelease
            ? ['unlogged']
            : ['unmapped'],
  }
}

/** The sid of the newest by version; where versions have no order, the first by sid. */
function newestIn(
  releases: readonly { sid: string; body: { version: string } }[],
): string | undefined {
  const [first, ...rest] = [...releases].sort((a, b) => (a.sid < b.sid ? -1 : 1))
  let best = first
  for (const each of rest) {
    if (best !== undefined && isNewer(each.body.version, best.body.version)) best = each
  }
  return best?.sid
}
