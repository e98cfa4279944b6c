/**
 * A bare name is an image in a registry, also where a file of that name lies here: what is read
 * must not depend on the folder. Where reading it fails, the file may be what was meant.
 */
import { statSync } from 'node:fs'
import { isFamilyError } from '../node/http/problem.ts'

const TRANSPORT = /^[a-z-]+:/

/** What to write instead of `image` where it is a local file or folder; undefined where it is none. */
function localImageHint(image: string): string | undefined {
  if (TRANSPORT.test(image)) return undefined
  const stats = statSync(image, { throwIfNoEntry: false })
  if (stats?.isDirectory() === true) return `oci:${image}`
  return stats === undefined ? undefined : `docker-archive:${image} or oci-archive:${image}`
}

/** Says so in the error, where there is a file of that name. */
export function hintAtFile(image: string, error: unknown): void {
  const hint = localImageHint(image)
  if (hint === undefined || !isFamilyError(error)) return
  error.message = `${error.message}; there is a file of that name here: write ${hint} to read it`
}
