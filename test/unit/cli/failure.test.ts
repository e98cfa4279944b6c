import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { CliError } from '../../../cli/cli-error.ts'
import { ApiError, parseProblem } from '../../../cli/api/api-error.ts'
import { stackOf, toFailure } from '../../../cli/failure.ts'
import { ConfigError } from '../../../node/config-error.ts'
import { createProblem } from '../../../node/http/problem.ts'
import { NormalizeError } from '../../../protocol/normalize/normalize-error.ts'

describe('a failure', () => {
  it('of a family has its code and its words, and no stack', () => {
    const error = new ConfigError('not-followed', 'x is not followed: follow it')
    expect(toFailure(error)).toEqual({
      code: 'not-followed',
      message: 'x is not followed: follow it',
    })
    expect(stackOf(error)).toBeUndefined()
    expect(stackOf(new CliError('usage', 'x'))).toBeUndefined()
  })

  it('about bytes says where, with null for what does not apply', () => {
    expect(toFailure(new NormalizeError('path-dotdot', 'leaves its root', { layer: 2 }))).toEqual({
      code: 'path-dotdot',
      message: 'leaves its root (layer 2)',
      layer: 2,
      entry: null,
      offset: null,
      path: null,
    })
  })

  it('says the same when it came over the API', () => {
    const error = new NormalizeError('path-dotdot', 'leaves its root', { layer: 2, path: '../x' })
    const { status, ...body } = createProblem(error)
    expect(toFailure(parseProblem(status, { ...body, status }))).toEqual(toFailure(error))
  })

  it('of ours says internal in one line, and keeps its stack for who asks', () => {
    const error = new TypeError('x is undefined\n    at y')
    expect(toFailure(error).code).toBe('internal')
    expect(toFailure(error).message).not.toContain('\n')
    expect(stackOf(error)).toContain('TypeError')
  })

  it('of the system is one plain line with its path, and nobody calls it internal', async () => {
    const error: unknown = await readFile('/dev/null/x').catch((cause: unknown) => cause)
    expect(toFailure(error)).toEqual({
      code: 'system',
      errno: 'ENOTDIR',
      path: '/dev/null/x',
      message: '/dev/null/x: a part of this path is no folder: choose another path (ENOTDIR)',
    })
  })

  it('of the system at the node says the same', async () => {
    const error: unknown = await readFile('/dev/null/x').catch((cause: unknown) => cause)
    const { status, ...body } = createProblem(error)
    expect(toFailure(parseProblem(status, { ...body, status }))).toEqual(toFailure(error))
  })

  it('with a code like that, but not of the system, stays ours', () => {
    const error = Object.assign(new Error('x'), { code: 'EVIL' })
    expect(toFailure(error).code).toBe('internal')
  })

  it('that is no problem document is still one line', () => {
    expect(parseProblem(502, '<html>')).toBeInstanceOf(ApiError)
    expect(parseProblem(502, null).message).toBe('the node answered with status 502')
  })
})
