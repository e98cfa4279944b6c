import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../../../node/config-error.ts'
import { createProblem, isFamilyError } from '../../../../node/http/problem.ts'

class NormalizeError extends Error {
  override readonly name = 'NormalizeError'
  readonly code = 'path-dotdot'
  readonly layer = 2
  readonly offset = 1024n
  readonly path = '../etc/passwd'
  readonly entry: number | undefined = undefined
}

describe('a problem', () => {
  it('keeps what a family error says and where', () => {
    expect(createProblem(new NormalizeError('layer 2 leaves its root', { cause: 'x' }))).toEqual({
      type: 'https://rebuildnet.dev/problem/path-dotdot',
      title: 'Cannot be done with this input',
      status: 422,
      detail: 'layer 2 leaves its root',
      code: 'path-dotdot',
      family: 'NormalizeError',
      layer: 2,
      offset: '1024',
      path: '../etc/passwd',
    })
  })

  it.each([
    ['not-followed', 404],
    ['ambiguous', 409],
    ['refused', 403],
    ['bad-value', 400],
  ] as const)('of ConfigError %s has the status %i', (code, status) => {
    expect(createProblem(new ConfigError(code, 'x')).status).toBe(status)
  })

  it('knows every family of errors that a node can raise', () => {
    const root = fileURLToPath(new URL('../../../../', import.meta.url))
    const families = ['node', 'protocol'].flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .flatMap((name) => [
          ...readFileSync(join(root, folder, name), 'utf8').matchAll(
            /export class (\w+Error) extends Error/g,
          ),
        ])
        .map(([, family]) => family!),
    )
    expect(families).toContain('StoreError')
    const unknown = families.filter(
      (name) => !isFamilyError(Object.assign(new Error('x'), { name, code: 'x' })),
    )
    expect(unknown).toEqual([])
  })

  it('of an error that is no family error is internal, in one line', () => {
    expect(createProblem(new TypeError('x is undefined\nand more'))).toMatchObject({
      code: 'internal',
      status: 500,
      detail: 'internal error: x is undefined',
    })
  })

  it('of an error of the operating system is internal, though that has a code', () => {
    const error = Object.assign(new Error('no space'), { code: 'ENOSPC' })
    expect(isFamilyError(error)).toBe(false)
    expect(createProblem(error).code).toBe('internal')
  })
})
