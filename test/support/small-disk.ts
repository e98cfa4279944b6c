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
 * Tests that fill a disk. Where this machine mounts none for whoever runs them, which needs root and is
 * not so in every container, they do not run, and their name says why; in CI that fails the run.
 */
export function describeOnDisk(name: string, tests: () => void): void {
  const probe = mountDisk()
  const isThere = 'path' in probe
  if (isThere) unmountDisk(probe.path)
  const why = isThere ? '' : ` (no disk can be mounted: ${probe.refusal.split('\n')[0] ?? ''})`
  describe.runIf(isThere)(`${name}${why}`, tests)
}

/** A disk for one test; gone when it ends. */
export function temporaryDisk(): string {
  const disk = mountDisk()
  if ('refusal' in disk) throw new Error(disk.refusal)
  onTestFinished(() => unmountDisk(disk.path))
  return disk.path
}
