/** A disk of a few megabytes that a test may fill. Mounting one needs root. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, onTestFinished } from 'vitest'

export const DISK_BYTES = 12 * 1024 * 1024

/** A small disk of its own, or why this machine gives none. */
function mountDisk(): { readonly path: string } | { readonly refusal: string } {
  const path = mkdtempSync(join(tmpdir(), 'rebuildnet-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', path], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    return { path }
  } catch (error) {
    rmSync(path, { recursive: true })
    return { refusal: String(error) }
  }
}

function unmountDisk(path: string): void {
  execFileSync('umount', [path])
  rmSync(path, { recursive: true })
}

/**
 * Tests that fill a disk. Skipped, with the reason in the name, where this machine mounts none for
 * whoever runs them: mounting needs root. Never in CI, where the runner fails over a skipped test.
 */
export function describeOnDisk(name: string, tests: () => void): void {
  const probe = mountDisk()
  if ('path' in probe) {
    unmountDisk(probe.path)
    describe(name, tests)
  } else {
    const [why = ''] = probe.refusal.split('\n')
    // Only root may mount a disk of a given size, and not in every container.
    describe.skip(`${name} (no disk can be mounted: ${why})`, tests)
  }
}

/** A disk for one test; gone when it ends. */
export function temporaryDisk(): string {
  const disk = mountDisk()
  if ('refusal' in disk) throw new Error(disk.refusal)
  onTestFinished(() => unmountDisk(disk.path))
  return disk.path
}
