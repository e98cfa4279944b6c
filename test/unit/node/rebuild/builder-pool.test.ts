import { describe, expect, it } from 'vitest'
import { BuilderPool } from '../../../../node/rebuild/builder-pool.ts'
import type { Builder, BuildResult } from '../../../../node/rebuild/builder.ts'
import { waitFor } from '../../../support/wait-for.ts'

const built: BuildResult = {
  kind: 'built',
  image: 'oci:x',
  materials: [],
  version: '1.0',
  emulated: false,
  logDigest: '',
}
const silent: BuildResult = {
  kind: 'failed',
  code: 'builder-unreachable',
  stage: 'build',
  class: 'infrastructure',
  message: '',
  logTail: '',
  logDigest: '',
}

interface Daemon extends Builder {
  up: boolean
  asked: number
}

function daemon(place: string, more: Partial<Builder> & { version?: string } = {}): Daemon {
  const { version = '0.23.2', platforms, ...rest } = more
  const each: Daemon = {
    name: 'buildkit',
    place,
    platforms,
    slots: 1,
    up: true,
    asked: 0,
    detect: async () => {
      each.asked++
      if (!each.up) return undefined
      const detected = { version, isolation: '', isolated: true, warnings: [] }
      return platforms === undefined ? detected : { ...detected, platforms }
    },
    build: async () => built,
    plan: () => [],
    ...rest,
  }
  return each
}

const pins = [{ name: 'buildkit' as const }]
const never = new AbortController().signal

/** Begins a build that ends when told to; says where it runs. */
function begin(pool: BuilderPool, signal = never) {
  let place: string | undefined
  let end = (): void => undefined
  const ended = new Promise<void>((resolve) => {
    end = resolve
  })
  const done = pool.run(
    pins,
    'linux/amd64',
    async ({ builder }) => {
      place = builder.place
      await ended
      return built
    },
    signal,
  )
  return { place: () => place, end, done }
}

describe('builders of one kind', () => {
  it('share builds, and take no more than they have room for', async () => {
    const pool = new BuilderPool([daemon('a'), daemon('b')])
    const first = begin(pool)
    await waitFor('the first', first.place)
    const second = begin(pool)
    await waitFor('the second', second.place)
    const third = begin(pool)
    expect([first.place(), second.place()]).toEqual(['a', 'b'])
    await new Promise(setImmediate)
    expect(third.place()).toBeUndefined()
    second.end()
    await waitFor('the third', third.place)
    expect(third.place()).toBe('b')
    first.end()
    third.end()
    await Promise.all([first.done, second.done, third.done])
  })

  it('are waited for only as long as somebody wants the build', async () => {
    const pool = new BuilderPool([daemon('a')])
    const first = begin(pool)
    await waitFor('the first', first.place)
    const stop = new AbortController()
    const second = begin(pool, stop.signal)
    stop.abort(new Error('cancelled'))
    await expect(second.done).rejects.toThrow('cancelled')
    first.end()
    await first.done
  })

  it('take over from one that does not answer, which is asked again the next time', async () => {
    const a = daemon('a')
    const pool = new BuilderPool([a, daemon('b')])
    const places: string[] = []
    const run = () =>
      pool.run(
        pins,
        'linux/amd64',
        async ({ builder }) => {
          places.push(builder.place ?? '')
          return builder.place === 'a' && !a.up ? silent : built
        },
        never,
      )
    a.up = true
    await pool.available()
    a.up = false
    expect((await run())?.result.kind).toBe('built')
    expect(places).toEqual(['a', 'b'])
    a.up = true
    await run()
    expect(places).toEqual(['a', 'b', 'a'])
  })

  it('all silent, end the build as the last of them did', async () => {
    const pool = new BuilderPool([daemon('a'), daemon('b')])
    const pooled = await pool.run(pins, 'linux/amd64', async () => silent, never)
    expect(pooled?.result).toMatchObject({ code: 'builder-unreachable' })
  })

  it('build only what they are for', async () => {
    const arm = daemon('arm', { platforms: ['linux/arm64'] })
    const pool = new BuilderPool([arm, daemon('amd', { platforms: ['linux/amd64'] })])
    expect((await pool.choose(pins, 'linux/amd64'))?.builder.place).toBe('amd')
    expect((await pool.choose(pins, 'linux/arm64'))?.builder.place).toBe('arm')
    expect(await pool.choose(pins, 'linux/s390x')).toBeUndefined()
    expect(pool.isNative('linux/arm64')).toBe(true)
    expect(pool.isNative('linux/s390x')).toBe(false)
  })

  it('are chosen by the version and the image that the recipe pins', async () => {
    const image = `moby/buildkit@sha256:${'1'.repeat(64)}`
    const old = daemon('old', { version: '0.22.0' })
    const imaged = daemon('imaged', {
      detect: async () => ({
        version: '0.23.2',
        isolation: '',
        isolated: true,
        warnings: [],
        image,
      }),
    })
    const pool = new BuilderPool([old, imaged])
    const choose = async (pin: object) =>
      (await pool.choose([{ name: 'buildkit', ...pin }]))?.builder.place
    expect(await choose({ version: '0.23' })).toBe('imaged')
    expect(await choose({ image: `docker.io/${image}` })).toBe('imaged')
    expect(await choose({ image: `moby/buildkit@sha256:${'2'.repeat(64)}` })).toBeUndefined()
  })
})
