import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import {
  type DetectableBuilder,
  examine,
  examineClock,
  examineNode,
  examinePolicy,
} from '../../../../node/system/doctor.ts'
import { examineStanding, type Standing } from '../../../../node/system/standing.ts'
import { startServer } from '../../../support/http-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'rebuildnet-doctor-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const at = (iso: string) => ({ now: () => Date.parse(iso) })

async function ask(builders: readonly DetectableBuilder[], builds = true, dataFolder = folder) {
  const components = { clock: at('2026-01-01T00:00:00Z'), builders }
  return examine(components, { dataFolder, builds }, new AbortController().signal)
}

describe('the doctor', () => {
  it.each([
    ['22.17.1', 'fail'],
    ['20.19.0', 'fail'],
    ['22.18.0', 'ok'],
    ['24.0.0', 'ok'],
  ])('finds Node %s %s', (version, status) => {
    expect(examineNode(version).status).toBe(status)
  })

  it('names the builder, and each thing that the machine cannot give', async () => {
    const detected = { version: '1.28.2', isolation: 'chroot', warnings: ['no network namespace'] }
    const findings = await ask([{ name: 'buildah', detect: async () => detected }])
    expect(findings.filter(({ name }) => name === 'builder')).toEqual([
      { name: 'builder', status: 'ok', detail: 'buildah 1.28.2, isolation: chroot' },
    ])
    const [isolation] = findings.filter(({ name }) => name === 'isolation')
    expect(isolation).toMatchObject({ status: 'warn', detail: 'buildah: no network namespace' })
    expect(isolation?.remedy).toBeDefined()
  })

  it('lists for a builder what it is held to here, yes and no', async () => {
    const enforces = [
      { what: 'memory', holds: true },
      { what: 'egress', holds: false },
    ]
    const detected = { version: '1.28.2', isolation: 'chroot', warnings: [], enforces }
    const findings = await ask([{ name: 'buildah', detect: async () => detected }])
    expect(findings.filter(({ name }) => name === 'enforced')).toEqual([
      { name: 'enforced', status: 'ok', detail: 'buildah: memory yes, egress no' },
    ])
  })

  it('asks what stands before archives, and names the builders that it changes nothing for', async () => {
    const server = await startServer((_, response) => response.writeHead(404).end())
    const away = await startServer((_, response) => response.end())
    await away.stop()
    const enforces = [{ what: 'egress', holds: true }]
    const detected = { version: '1.28.2', isolation: 'chroot', warnings: [] }
    const builders = [
      { name: 'buildah', detect: async () => ({ ...detected, enforces }) },
      { name: 'buildkit', place: 'tcp://b:1', detect: async () => detected },
    ]
    const components = { clock: at('2026-01-01T00:00:00Z'), builders }
    const routes = { proxy: `http://${server.host}`, snapshotArchiveBase: `http://${away.host}/a/` }
    const options = { dataFolder: folder, builds: true }
    const { signal } = new AbortController()
    const findings = await examine(components, { ...options, routes }, signal)
    await server.stop()
    const archives = findings.filter(({ name }) => name === 'archives')
    expect(archives.map(({ status, detail }) => `${status} ${detail}`)).toEqual([
      `ok build.proxy: http://${server.host} answers`,
      `warn build.snapshot_archive_base: http://${away.host}/a/ does not answer (ECONNREFUSED)`,
      'warn build.proxy and build.snapshot_archive_base change nothing for buildkit at tcp://b:1: what these fetch does not go by way of this node',
    ])
    const without = await examine(components, options, signal)
    expect(without.filter(({ name }) => name === 'archives')).toEqual([])
  })

  it('fails a machine without a builder only if it is to build', async () => {
    const none = [{ name: 'buildah', detect: async () => undefined }]
    expect((await ask(none)).find(({ name }) => name === 'builder')?.status).toBe('fail')
    expect((await ask(none, false)).find(({ name }) => name === 'builder')).toBeUndefined()
  })

  it('fails a data folder that is not there, and says what to do', async () => {
    const findings = await ask([], false, join(folder, 'none'))
    const disk = findings.find(({ name }) => name === 'disk')
    expect([disk?.status, disk?.remedy]).toEqual(['fail', expect.stringContaining('init')])
  })

  it('knows a clock that cannot be right', () => {
    expect(examineClock(at('1970-01-01T00:01:00Z')).status).toBe('fail')
    expect(examineClock(at('2026-01-01T00:00:00Z')).status).toBe('ok')
    const later = Date.parse('2026-06-01T00:00:00Z') / 1000
    expect(examineClock(at('2026-01-01T00:00:00Z'), later).status).toBe('warn')
    expect(examineClock(at('2026-06-01T00:00:00Z'), later + 300).status).toBe('ok')
  })
})

describe('the operator card', () => {
  it('is looked at where there is one', async () => {
    const components = { clock: at('2026-01-01T00:00:00Z'), builders: [] }
    const { signal } = new AbortController()
    const cardExpires = Date.parse('2025-12-31T00:00:00Z') / 1000
    const options = { dataFolder: folder, builds: false }
    const findings = await examine(components, { ...options, cardExpires }, signal)
    expect(findings).toContainEqual(expect.objectContaining({ name: 'card', status: 'fail' }))
    const without = await examine(components, options, signal)
    expect(without.filter(({ name }) => name === 'card')).toEqual([])
  })
})

describe('the policy', () => {
  it('that can never be met is a warning that says what to do, not a failure', () => {
    const detail = 'unreachable: threshold is 5 and there is 1 operator'
    const [finding, ...others] = examinePolicy([detail])
    expect(finding).toMatchObject({ name: 'policy', status: 'warn', detail })
    expect(finding?.remedy).toContain('rebuildnet trust add')
    expect(others).toEqual([])
  })

  it('that can be met is well, and where there is none nothing is said', () => {
    expect(examinePolicy([])).toMatchObject([{ status: 'ok' }])
    expect(examinePolicy(undefined)).toEqual([])
  })
})

describe('what a node says of itself', () => {
  const gate = { reasons: [], pausedSince: null, votingStopped: null, scheduleChanges: null }
  const disk = { budgetBytes: 10 * 1024 ** 3, heldBytes: 0, neededBytes: 0, over: false }
  const of = (standing: Partial<Standing>) =>
    examineStanding({ gate, disk, ...standing }).map(({ name, status, detail, remedy }) =>
      [name, status, detail, ...(remedy === undefined ? [] : [remedy])].join(' | '),
    )

  it('is that it builds and votes', () => {
    expect(of({})).toEqual([
      'voting | ok | this node votes',
      'queue | ok | rebuilds may begin at any time',
      'budget | ok | 0.0 MiB of logs, trees and work folders of 10240.0 MiB given',
    ])
  })

  it('is that it stopped voting, why, and how it goes on', () => {
    const votingStopped = { since: 1_767_225_600, reasons: ['two cold builds differ'] }
    const reasons = ['voting stopped: two cold builds differ']
    expect(of({ gate: { ...gate, votingStopped, reasons } })[0]).toBe(
      'voting | fail | stopped since 2026-01-01T00:00:00.000Z: two cold builds differ | look at memory, disk and heat of this machine, then run "rebuildnet queue resume --voting"',
    )
  })

  it('is that it was paused, and its hours', () => {
    const paused = { ...gate, pausedSince: 1_767_225_600, reasons: ['paused by hand'] }
    expect(of({ gate: paused })[1]).toContain(
      'queue | warn | paused by hand since 2026-01-01T00:00:00.000Z | run "rebuildnet queue resume"',
    )
    const shut = { ...paused, reasons: [...paused.reasons, 'outside the hours'] }
    const hours = { scheduleChanges: 1_767_225_600 }
    expect(of({ gate: { ...shut, ...hours } })[2]).toBe(
      'schedule | ok | outside its hours, which begin at 2026-01-01T00:00:00.000Z',
    )
    expect(of({ gate: { ...gate, ...hours } })[1]).toBe(
      'schedule | ok | within its hours, until 2026-01-01T00:00:00.000Z',
    )
  })

  it('is that its disk budget is too small, or that there is none', () => {
    const small = { budgetBytes: 1024 ** 2, heldBytes: 3 * 1024 ** 2, neededBytes: 2 * 1024 ** 2 }
    expect(of({ disk: { ...small, over: true } })[2]).toContain(
      'budget | warn | 3.0 MiB of logs, trees and work folders of 1.0 MiB given, of which 2.0 MiB are needed | raise disk.budget_mb',
    )
    expect(of({ disk: { ...disk, budgetBytes: null } })[2]).toContain('without a limit | give')
  })
})
