/** What keeps a node of this data folder from building and voting, as findings of the doctor. */
import type { Finding } from './doctor.ts'

/** Whether builds may begin; what node/rebuild/queue-gate.ts says fits. */
interface GateStanding {
  readonly reasons: readonly string[]
  readonly pausedSince: number | null
  readonly votingStopped: { readonly since: number; readonly reasons: readonly string[] } | null
  readonly scheduleChanges: number | null
}

/** What builds have left on the disk; what node/disk-budget.ts says fits. */
interface DiskStanding {
  readonly budgetBytes: number | null
  readonly heldBytes: number
  readonly neededBytes: number
  readonly over: boolean
}

export interface Standing {
  readonly gate: GateStanding
  readonly disk: DiskStanding
}

const MIB = 1024 ** 2

export function examineStanding({ gate, disk }: Standing): readonly Finding[] {
  return [examineVoting(gate), ...examineQueue(gate), examineBudget(disk)]
}

function examineVoting({ votingStopped }: GateStanding): Finding {
  if (votingStopped === null) return { name: 'voting', status: 'ok', detail: 'this node votes' }
  const { since, reasons } = votingStopped
  return {
    name: 'voting',
    status: 'fail',
    detail: `stopped since ${timeOf(since)}: ${reasons.join('; ')}`,
    remedy:
      'look at memory, disk and heat of this machine, then run "rebuildnet queue resume --voting"',
  }
}

function examineQueue(gate: GateStanding): readonly Finding[] {
  const { pausedSince, scheduleChanges, votingStopped, reasons } = gate
  const findings: Finding[] = []
  if (pausedSince !== null) {
    findings.push({
      name: 'queue',
      status: 'warn',
      detail: `paused by hand since ${timeOf(pausedSince)}`,
      remedy: 'run "rebuildnet queue resume" to let rebuilds begin again',
    })
  }
  const others =
    reasons.length - (pausedSince === null ? 0 : 1) - (votingStopped?.reasons.length ?? 0)
  if (scheduleChanges !== null) {
    const when = timeOf(scheduleChanges)
    const detail =
      others > 0 ? `outside its hours, which begin at ${when}` : `within its hours, until ${when}`
    findings.push({ name: 'schedule', status: 'ok', detail })
  }
  if (findings.length === 0 && votingStopped === null) {
    findings.push({ name: 'queue', status: 'ok', detail: 'rebuilds may begin at any time' })
  }
  return findings
}

function examineBudget({ budgetBytes, heldBytes, neededBytes, over }: DiskStanding): Finding {
  const held = `${mebibytes(heldBytes)} of logs, trees and work folders`
  if (budgetBytes === null) {
    return {
      name: 'budget',
      status: 'warn',
      detail: `${held}, without a limit`,
      remedy: 'give disk.budget_mb in config.toml, so that what is old goes by itself',
    }
  }
  const detail = `${held} of ${mebibytes(budgetBytes)} given`
  if (!over) return { name: 'budget', status: 'ok', detail }
  return {
    name: 'budget',
    status: 'warn',
    detail: `${detail}, of which ${mebibytes(neededBytes)} are needed`,
    remedy:
      'raise disk.budget_mb in config.toml; a node that runs lets go of what is not needed by itself',
  }
}

function mebibytes(bytes: number): string {
  return `${(bytes / MIB).toFixed(1)} MiB`
}

function timeOf(seconds: number): string {
  return new Date(seconds * 1000).toISOString()
}
