import { describe, expect, it } from 'vitest'
import { explainFailure, type FailedBuildah } from '../../../../node/rebuild/buildah-failure.ts'

function explain(output: string, options: Partial<FailedBuildah> = {}) {
  const defaults = {
    phase: 'build',
    exitCode: 1,
    network: true,
    work: '/w/1',
    source: '/s/1',
  } as const
  return explainFailure({ ...defaults, output, ...options })
}

const STEP = 'Error: building at STEP "RUN make": exit status 2'

describe('a failure of buildah', () => {
  it.each([
    [
      'disk-full',
      'Error: committing container for step {Env:[] Command:run}: copying layers and metadata for container "1": initializing source containers-storage:w: storing layer "d8" to file: io: read/write on closed pipe\n',
    ],
    ['step-failed', `make: *** [all] Error 2\n${STEP}\n`],
    [
      'step-failed',
      'Error: building at STEP "COPY x /": copier: stat: "/x": no such file or directory',
    ],
    [
      'step-failed',
      'W: 404 Not Found\nError: building at STEP "RUN apt-get update": exit status 100',
    ],
    ['step-fetch-failed', `Temporary failure resolving 'deb.debian.org'\n${STEP}`],
    ['step-fetch-failed', `wget: bad address 'example.com'\n${STEP}`],
    ['step-fetch-failed', `  503  Service Unavailable [IP: 1.2.3.4 80]\n${STEP}`],
    ['step-fetch-failed', `curl: (22) The requested URL returned error: 429\n${STEP}`],
    ['step-fetch-failed', `ERROR 429: Too Many Requests.\n${STEP}`],
    ['step-fetch-failed', `ERROR: HTTP error 503 while getting https://x\n${STEP}`],
    ['step-failed', `curl: (22) The requested URL returned error: 404\n${STEP}`],
    ['step-fetch-failed', `E: Failed to fetch http://x  429  Too Many Requests\n${STEP}`],
    [
      'step-fetch-failed',
      `E: Failed to fetch x  File has unexpected size. Mirror sync in progress?\n${STEP}`,
    ],
    [
      'builder-killed',
      'subprocess exited on killed\nError: building at STEP "RUN x": exit status 1',
    ],
    ['builder-killed', 'Error: building at STEP "RUN x": exit status 137'],
    [
      'disk-full',
      'cp: write error: No space left on device\nError: building at STEP "RUN cp": exit status 1',
    ],
    ['disk-full', 'Error: committing: write /w/1/storage/x: no space left on device'],
    [
      'dockerfile-invalid',
      'Error: building at STEP "FOO ": Build error: Unknown instruction: "FOO"',
    ],
    ['dockerfile-invalid', 'Error: no FROM statement found'],
    ['dockerfile-invalid', 'Error: COPY --from=x: no stage or image found with that name'],
    [
      'base-fetch-failed',
      'Error: creating build container: initializing source docker://x/y:1: pinging container registry x: EOF',
    ],
    ['builder-failed', 'Error: mounting storage: invalid argument'],
    ['builder-failed', 'panic: something'],
  ])('is %s: %j', (code, output) => {
    expect(explain(output).code).toBe(code)
  })

  it('blames the recipe for missing a network that it did not ask for', () => {
    const output = `wget: bad address 'example.com'\n${STEP}`
    expect(explain(output, { network: false }).code).toBe('step-failed')
  })

  it('while pulling is a base image that cannot be fetched, whatever it says', () => {
    expect(explain('Error: anything', { phase: 'pull' }).code).toBe('base-fetch-failed')
  })

  it('while exporting is of the export stage', () => {
    expect(explain('Error: anything', { phase: 'export' }).stage).toBe('export')
  })

  it('without a word and with the exit code of a signal is a kill', () => {
    expect(explain('STEP 1: RUN x', { exitCode: 137 }).code).toBe('builder-killed')
  })

  it('does not name the folders of this build, which differ at the next', () => {
    const { message } = explain('Error: opening /w/1/storage and /s/1/Dockerfile: bad')
    expect(message).toContain('$WORK/storage and $SOURCE/Dockerfile')
  })
})
