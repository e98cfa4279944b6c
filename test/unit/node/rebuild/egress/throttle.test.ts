import { describe, expect, it } from 'vitest'
import { Throttle } from '../../../../../node/rebuild/egress/throttle.ts'

/** A throttle in a time of its own, which passes only while it waits. */
function makeThrottle(random = 0) {
  let now = 0
  const waits: number[] = []
  const throttle = new Throttle({
    now: () => now,
    wait: async (ms, signal) => {
      signal.throwIfAborted()
      waits.push(ms)
      now += ms
    },
    random: () => random,
  })
  return { throttle, waits }
}

const never = new AbortController().signal

/** Asks until the throttle takes the answer; how often it asked. */
async function visit(
  throttle: Throttle,
  answer: (attempt: number) => readonly [number, string?],
  host = 'archive.example',
): Promise<number> {
  const visit = throttle.begin(host)
  for (let attempt = 1; ; attempt++) {
    await throttle.ready(visit, never)
    const [status, retryAfter] = answer(attempt)
    if (!throttle.shouldRepeat(visit, status, retryAfter)) return attempt
  }
}

describe('a host that throttles', () => {
  it('is asked again with growing pauses, not without end', async () => {
    const { throttle, waits } = makeThrottle()
    expect(await visit(throttle, () => [503])).toBe(5)
    expect(waits).toEqual([1000, 2000, 4000, 8000])
  })

  it('is given the time that it asks for, and more by chance', async () => {
    const { throttle, waits } = makeThrottle(0.5)
    expect(await visit(throttle, (attempt) => (attempt === 1 ? [429, '7'] : [200]))).toBe(2)
    expect(waits).toEqual([7250])
  })

  it('is not waited for beyond the patience of a step', async () => {
    const { throttle, waits } = makeThrottle()
    expect(await visit(throttle, () => [429, '26'])).toBe(1)
    expect(await visit(throttle, (attempt) => [429, attempt < 3 ? '12' : '2'], 'b')).toBe(3)
    expect(waits).toEqual([12_000, 12_000])
  })

  it('is left alone by all requests, and no other host is', async () => {
    const { throttle, waits } = makeThrottle()
    const first = throttle.begin('a')
    expect(throttle.shouldRepeat(first, 429, '3')).toBe(true)
    expect(await visit(throttle, () => [200], 'b')).toBe(1)
    expect(waits).toEqual([])
    expect(await visit(throttle, () => [200], 'a')).toBe(1)
    expect(waits).toEqual([3000])
  })

  it.each([200, 304, 404, 500, 502])('is one that answers 429 or 503, not %d', async (status) => {
    const { throttle } = makeThrottle()
    expect(await visit(throttle, () => [status, '1'])).toBe(1)
  })

  it('is not waited for once whoever asked has gone', async () => {
    const { throttle } = makeThrottle()
    const one = throttle.begin('a')
    throttle.shouldRepeat(one, 503, '1')
    await expect(throttle.ready(one, AbortSignal.abort())).rejects.toThrow()
  })
})
