import { describe, expect, it } from 'vitest'
import { baseline, planLook, tagsToAsk } from '../../../../node/watch/plan.ts'
import { noteName, type Note } from '../../../../node/watch/note.ts'
import type { WatchRules } from '../../../../protocol/watch-rules.ts'

const rules = (fields: Partial<WatchRules> = {}): WatchRules => ({
  gitTags: ['v*'],
  registryTags: [],
  movingTags: [],
  keys: [],
  blind: false,
  intervalSeconds: 900,
  ...fields,
})
const git = (name: string, commit = 'c') => ({ name, object: commit, commit })
const none = new Map<string, string | undefined>()
const notesOf = (...notes: readonly Note[]) =>
  new Map(notes.map((note) => [noteName(note.source, note.tag), note]))

describe('a plan', () => {
  it('takes up a hundred thousand tags that are there already without announcing one', () => {
    const tags = Array.from({ length: 100_000 }, (_, n) => git(`v${n}`, `c${n}`))
    const found = baseline(rules(), { git: tags, registry: none }, new Map())
    expect(found).toHaveLength(100_000)
    const notes = notesOf(...found.map((note) => ({ ...note, at: 1 })))
    const next = [...tags, git('vnew', 'cnew')]
    const plan = planLook(rules(), { git: next, registry: none }, notes, { retry: false })
    expect(plan.notes).toEqual([])
    expect(plan.candidates.map(({ tag }) => tag)).toEqual(['vnew'])
  })

  it('asks the registry for a bounded number of digests, what is new first', () => {
    const tags = Array.from({ length: 100_000 }, (_, n) => `t${n}`)
    const watched = rules({ registryTags: ['*'] })
    const waiting = tags.slice(0, 500).map((tag): Note => {
      const rest = { now: null, sid: null, why: 'x', at: 1 }
      return { source: 'registry', tag, version: tag, target: 'd', state: 'waiting', ...rest }
    })
    const asked = tagsToAsk(watched, tags, notesOf(...waiting), { begun: true })
    expect(asked.length).toBeLessThanOrEqual(120)
    expect(asked).toContain('t500')
    expect(tagsToAsk(watched, tags, new Map(), { begun: false })).toEqual([])
  })

  it('announces two tags of one version and one commit once', () => {
    const tags = { git: [git('v1'), git('release/1')], registry: none }
    const watched = rules({ gitTags: ['v*', 'release/*'] })
    const plan = planLook(watched, tags, new Map(), { retry: false })
    expect(plan.candidates.map(({ version }) => version)).toEqual(['1'])
    expect(plan.notes).toMatchObject([{ tag: 'v1', state: 'seen' }])
  })
})
