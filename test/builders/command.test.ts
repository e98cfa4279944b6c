/** The builder `command`, by the program that is shipped as an example of its contract. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { NEWLINE_VARIABLE, shellWords } from '../../cli/terminal/words.ts'
import { CommandBuilder } from '../../node/rebuild/command-builder.ts'
import type { DetectedBuilder } from '../../node/rebuild/builder.ts'
import type { CommandProgram } from '../../node/rebuild/command-contract.ts'
import { describeArchives } from './archive-suite.ts'
import { describeBuilder } from './builder-suite.ts'
import { describeEgress } from './egress-suite.ts'
import { describeLimits } from './limits-suite.ts'
import { BUILDER_TOOLS, DEEP, describeNeeds } from './needs.ts'
import { describeWithRegistry } from './registry-suite.ts'
import { describeSafety } from './safety-suite.ts'
import { useBuilder } from './use-builder.ts'

const EXAMPLE = fileURLToPath(new URL('../../docker/builders/buildah.py', import.meta.url))
const { runs, words } = describeNeeds(['buildah', 'python3', ...BUILDER_TOOLS])

function programAt(path: string): CommandProgram {
  const sha256 = createHash('sha256').update(readFileSync(path)).digest('hex')
  return { path, sha256, args: [], readable: [], ownUsers: false }
}

describe.runIf(runs)(`a program of the operator’s own${words}`, () => {
  const create = () => new CommandBuilder(programAt(EXAMPLE))
  describeBuilder('command', create)
  describeEgress('command', create)
  if (DEEP) {
    describeArchives('command', create)
    describeLimits('command', create)
    describeSafety('command', create, { ownNetwork: true })
    describeWithRegistry('command', create)
  }
})

describe.runIf(runs)(`the contract of the builder command${words}`, () => {
  const { workshop, never } = useBuilder(() => new CommandBuilder(programAt(EXAMPLE)))

  /** A builder whose program is this shell script; $1 is the phase. */
  const script = async (text: string): Promise<CommandBuilder> => {
    const path = join(workshop().folder, `program-${Math.random()}`)
    await writeFile(path, `#!/bin/sh\nif [ "$1" = version ]; then echo 1.5; exit; fi\n${text}\n`)
    await chmod(path, 0o755)
    return new CommandBuilder(programAt(path))
  }
  const makeJob = async (recipe = {}) =>
    workshop().makeJob(
      await workshop().makeSource({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' }),
      recipe,
    )
  const image = `mkdir -p "$OUTPUT/blobs/sha256"
    echo '{"imageLayoutVersion":"1.0.0"}' > "$OUTPUT/oci-layout"
    echo '{"schemaVersion":2,"manifests":[{}]}' > "$OUTPUT/index.json"`

  it.each([
    [1, 'step-failed', 'recipe'],
    [65, 'dockerfile-invalid', 'recipe'],
    [64, 'recipe-not-supported', 'infrastructure'],
    [69, 'base-fetch-failed', 'infrastructure'],
    [75, 'step-fetch-failed', 'infrastructure'],
    [2, 'builder-failed', 'infrastructure'],
    [137, 'builder-failed', 'infrastructure'],
  ])('an exit code of %d is %s, class %s', async (code, failure, of) => {
    const builder = await script(`if [ "$1" = build ]; then echo why; exit ${code}; fi`)
    const result = await builder.build(await makeJob(), never)
    expect(result).toMatchObject({ kind: 'failed', code: failure, class: of })
    expect(result.kind === 'failed' ? result.message : '').toContain('why')
  })

  it('a program that is not the pinned one is not run', async () => {
    const builder = await script('echo ran >&2')
    const path =
      builder
        .plan(await makeJob())
        .at(-1)
        ?.at(-2) ?? ''
    await writeFile(path, '#!/bin/sh\necho other\n')
    expect(await builder.build(await makeJob(), never)).toMatchObject({
      code: 'builder-differs',
      class: 'infrastructure',
      logTail: expect.not.stringContaining('other') as string,
    })
    expect(await builder.detect(never)).toBeUndefined()
  })

  it('its plan is commands that a shell runs: files, folders and both phases', async () => {
    const builder = await script(`${image}
      cp "$RECIPE" "$BASES" "$WORK/../seen"; echo "$1" >> "$WORK/../seen/phases"`)
    const job = await makeJob({ buildArgs: { WORDS: `it's "two"` } })
    await writeFile(join(job.sourceDirectory, 'Dockerfile'), 'FROM base.example/one:1\n')
    await mkdir(join(job.workDirectory, 'seen'))
    const lines = builder.plan(job).map((argv) => shellWords(argv))
    execFileSync('sh', ['-eu', '-c', [NEWLINE_VARIABLE, ...lines].join('\n')])
    const seen = (name: string) => readFileSync(join(job.workDirectory, 'seen', name), 'utf8')
    expect(JSON.parse(seen('recipe.json'))).toEqual(job.recipe)
    expect(seen('bases')).toBe('base.example/one:1\n')
    expect(seen('phases')).toBe('fetch\nbuild\n')
  })

  it('it is nobody on this machine where it says that it can be, and reads its files all the same', async () => {
    const text = `if [ "$1" = build ]; then
      cat /proc/self/uid_map "$RECIPE" "$SOURCE/Dockerfile" 2>&1; echo x > "$WORK/x"; exit 1; fi`
    const builder = await script(text)
    const { path } = programAt(
      builder
        .plan(await makeJob())
        .at(-1)
        ?.at(-2) ?? '',
    )
    const own = new CommandBuilder({ ...programAt(path), ownUsers: true })
    const logOf = async (each: CommandBuilder): Promise<string> => {
      const result = await each.build(await makeJob(), never)
      expect(result).toMatchObject({ kind: 'failed', code: 'step-failed' })
      return result.kind === 'failed' ? result.logTail : ''
    }
    expect(await logOf(builder)).toMatch(/^\s+0\s+0\s+\d+$/m)
    expect(await logOf(own)).toMatch(/^\s+0\s+(?!0 )\d+\s+65536$[^]*"buildah"[^]*FROM scratch/m)
    const holds = (detected: DetectedBuilder | undefined) =>
      detected?.enforces?.find(({ what }) => what === 'root of a build is nobody here')?.holds
    expect(holds(await own.detect(never))).toBe(true)
    expect(holds(await builder.detect(never))).toBe(false)
    expect((await builder.detect(never))?.warnings.join()).toContain('own_users = true')
  })

  it('what it read and the program itself are the materials', async () => {
    const digest = `sha256:${'a'.repeat(64)}`
    const builder = await script(`[ "$1" = build ] || exit 0
      ${image}
      echo '[{"uri":"docker://debian:12","digest":"${digest}"}]' > "$MATERIALS"`)
    const result = await builder.build(await makeJob(), never)
    if (result.kind === 'failed') throw new Error(result.message)
    expect(result.version).toBe('1.5')
    expect(result.materials).toEqual([
      {
        uri: expect.stringMatching(/^command:program-/) as string,
        digest: expect.any(String) as string,
      },
      { uri: 'docker://debian:12', digest },
    ])
  })

  it('a program that read the project’s own image is refused', async () => {
    const builder = await script(`[ "$1" = build ] || exit 0
      ${image}
      echo '[{"uri":"docker://registry.example/project/app:1","digest":"sha256:${'a'.repeat(64)}"}]' > "$MATERIALS"`)
    expect(await builder.build(await makeJob(), never)).toMatchObject({
      code: 'recipe-reads-own-image',
    })
  })

  it.each([
    ['no image', 'echo "[]" > "$MATERIALS"'],
    ['no materials', image],
    ['materials that are none', `${image}; echo '[{"uri":"x"}]' > "$MATERIALS"`],
    [
      'two images',
      `${image}; echo '{"manifests":[{},{}]}' > "$OUTPUT/index.json"; echo "[]" > "$MATERIALS"`,
    ],
  ])('one that leaves %s has broken', async (_, text) => {
    const builder = await script(`[ "$1" = build ] || exit 0\n${text}`)
    expect(await builder.build(await makeJob(), never)).toMatchObject({
      code: 'builder-failed',
      class: 'infrastructure',
    })
  })

  it('it has a network to fetch with, and none to build with where the recipe says so', async () => {
    const builder = await script(
      'echo "$1 $NETWORK $(grep -c : /proc/net/dev)"; [ "$1" = fetch ] || exit 1',
    )
    const result = await builder.build(await makeJob({ network: 'none' }), never)
    expect(result.kind === 'failed' ? result.logTail : '').toMatch(
      /^fetch none (?!1$)\d+$[^]*^build none 1$/m,
    )
  })
})
