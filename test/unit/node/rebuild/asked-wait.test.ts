import { describe, expect, it } from 'vitest'
import { askedWait } from '../../../../node/rebuild/asked-wait.ts'

describe('how long a server asks to be left alone', () => {
  it.each([
    ['  HTTP/1.1 429 Too Many Requests\n  Retry-After: 120\n', 120],
    ['< retry-after:5\n< Retry-After: 90\r\n', 90],
    ['Retry-After: 999999\n', 6 * 3600],
    ['Retry-After: 0', 0],
    ['Retry-After: Wed, 21 Oct 2015 07:28:00 GMT', undefined],
    ['Retry-After: 99999999999', undefined],
    ['503 Service Unavailable', undefined],
    ['', undefined],
  ])('%j is %s seconds', (log, seconds) => {
    expect(askedWait(log)).toBe(seconds)
  })
})
