/**
 * Which program reads the Dockerfile.
 *
 * A `# syntax=` line makes BuildKit pull an image and hand it the whole build. So it is an input
 * like a base image, and one that a tag does not pin: it must be named by digest, in the line or
 * in the build argument BUILDKIT_SYNTAX, which takes its place. BuildKit also finds the line
 * behind `//`, after a `#!` line and as a key of JSON; so do we.
 */
import type { Recipe } from '../../protocol/recipe.ts'
import { repositoryOf } from './base-images.ts'
import { BuildError } from './build-error.ts'

const DIRECTIVES = new Set(['syntax', 'escape', 'check'])
const PINNED = /^[A-Za-z0-9][A-Za-z0-9._/:-]*@sha256:[0-9a-f]{64}$/

/** Throws BuildError where the frontend of a Dockerfile is not pinned, or is the own image. */
export function checkFrontend(dockerfile: string, recipe: Recipe, ownImage: string): void {
  const frontend = recipe.buildArgs?.BUILDKIT_SYNTAX ?? readSyntax(dockerfile)
  if (frontend === undefined) return
  const [image = ''] = frontend.trim().split(/\s+/)
  if (repositoryOf(image) === repositoryOf(ownImage)) {
    throw new BuildError(
      'recipe-reads-own-image',
      `the Dockerfile is read by ${image}, the project's own image: it would reproduce anything`,
    )
  }
  if (PINNED.test(image)) return
  throw new BuildError(
    'recipe-frontend-floating',
    `the Dockerfile is read by ${JSON.stringify(image)}, which is not pinned: write # syntax=name@sha256:…, or give BUILDKIT_SYNTAX as a build argument`,
  )
}

/** The frontend that a Dockerfile asks for. */
export function readSyntax(dockerfile: string): string | undefined {
  const text = dockerfile.replace(/^\uFEFF/, '').replace(/^#![^\n]*\n/, '')
  return readDirective(text, '#') ?? readDirective(text, '//') ?? readJson(text)
}

function readDirective(text: string, comment: string): string | undefined {
  for (const line of text.split('\n')) {
    if (!line.startsWith(comment)) return undefined
    const [, name = '', value] =
      /^\s*([A-Za-z][A-Za-z0-9]*)\s*=\s*(.+?)\s*$/.exec(line.slice(comment.length)) ?? []
    if (!DIRECTIVES.has(name.toLowerCase())) return undefined
    if (name.toLowerCase() === 'syntax') return value
  }
  return undefined
}

function readJson(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value !== 'object' || value === null || !('syntax' in value)) return undefined
    return typeof value.syntax === 'string' ? value.syntax : undefined
  } catch {
    return undefined
  }
}
