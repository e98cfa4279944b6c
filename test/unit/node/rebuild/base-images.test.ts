import { describe, expect, it } from 'vitest'
import { findBaseImages, repositoryOf } from '../../../../node/rebuild/base-images.ts'
import { BuildError } from '../../../../node/rebuild/build-error.ts'
import type { Recipe } from '../../../../protocol/recipe.ts'

const OWN = 'ghcr.io/example/app'

function find(dockerfile: string, recipe: Partial<Recipe> = {}): readonly string[] {
  const whole = { builders: [{ name: 'buildah' as const }], dockerfile: 'Dockerfile', context: '.' }
  return findBaseImages(dockerfile, { ...whole, ...recipe }, 'linux/arm64', OWN)
}

function codeOf(dockerfile: string, recipe: Partial<Recipe> = {}): string {
  try {
    return `found ${find(dockerfile, recipe).join(' ')}`
  } catch (error) {
    if (!(error instanceof BuildError)) throw error
    return error.code
  }
}

describe('the images that a Dockerfile reads', () => {
  it.each([
    ['nothing but scratch', 'FROM scratch\nCOPY a /\n', []],
    ['FROM in any case', 'from debian:12\n', ['debian:12']],
    ['flags before the image', 'FROM --platform=$BUILDPLATFORM debian AS x\n', ['debian']],
    [
      'each once, sorted',
      'FROM b AS one\nFROM a AS two\nFROM b\nCOPY --from=one / /\nCOPY --from=two / /\n',
      ['a', 'b'],
    ],
    ['not the names of stages', 'FROM a AS Build\nFROM build\n', ['a']],
    ['not the numbers of stages', 'FROM a\nFROM scratch\nCOPY --from=0 / /\n', ['a']],
    ['what COPY takes from elsewhere', 'FROM scratch\nCOPY --from=x/y:1 /a /b\n', ['x/y:1']],
    [
      'what RUN mounts',
      'FROM a\nRUN --mount=type=bind,from=tools:1,target=/t true\n',
      ['a', 'tools:1'],
    ],
    [
      'what ONBUILD will do in its own stages',
      'FROM a AS x\nONBUILD COPY --from=b / /\nFROM x\n',
      ['a', 'b'],
    ],
    ['the docker transport', 'FROM docker://a/b:1\n', ['a/b:1']],
    ['digests', 'FROM a@sha256:00\n', ['a@sha256:00']],
    ['continued lines', 'FROM \\\n# why\n\n  debian:12 \\\n AS x\n', ['debian:12']],
    ['the other escape', '# escape=`\nFROM `\n debian\n', ['debian']],
    ['no comment', '# FROM a\nFROM b\n', ['b']],
    ['no here document', 'FROM a\nRUN <<EOF\nFROM b\nEOF\nRUN <<-"END"\n\tFROM c\n\tEND\n', ['a']],
    ['what follows a here document that never ends', 'FROM a AS x\nRUN cat <<EOF\nFROM b\n', ['b']],
    ['carriage returns', 'FROM a\r\nRUN x\r\n', ['a']],
  ])('are %s', (_, dockerfile, images) => {
    expect(find(dockerfile)).toEqual(images)
  })

  it.each([
    ['a default', 'ARG V=12\nFROM debian:$V\n', {}, ['debian:12']],
    ['a build argument over it', 'ARG V=12\nFROM debian:${V}\n', { V: '13' }, ['debian:13']],
    [
      'a build argument that only the recipe has',
      'ARG V\nFROM debian:$V\n',
      { V: '13' },
      ['debian:13'],
    ],
    ['a fallback', 'ARG V\nFROM debian:${V:-11}\n', {}, ['debian:11']],
    ['no fallback where there is a value', 'ARG V=12\nFROM debian:${V:-11}\n', {}, ['debian:12']],
    ['an alternative', 'ARG V=12\nFROM debian${V:+-slim}\n', {}, ['debian-slim']],
    ['an empty one', 'ARG V\nFROM debian$V\n', {}, ['debian']],
    ['one argument from another', 'ARG A=x\nARG B=$A/y\nFROM $B\n', {}, ['x/y']],
    ['quotes', 'ARG V="a b" W=\'c\'\nFROM debian:$W\n', {}, ['debian:c']],
    ['the target platform', 'FROM base-$TARGETARCH\n', {}, ['base-arm64']],
    ['ENV of the stage', 'FROM a\nENV T=tools V=1\nCOPY --from=$T:$V / /\n', {}, ['a', 'tools:1']],
    [
      'the old form of ENV',
      'FROM a\nENV T tools one\nENV U x\nCOPY --from=$U / /\n',
      {},
      ['a', 'x'],
    ],
    [
      'a global argument taken into a stage',
      'ARG T=tools\nFROM a\nARG T\nCOPY --from=$T / /\n',
      {},
      ['a', 'tools'],
    ],
  ])('are known through %s', (_, dockerfile, buildArgs, images) => {
    expect(find(dockerfile, { buildArgs })).toEqual(images)
  })

  it.each([
    ['a variable that nobody declares', 'FROM debian:$V\n'],
    ['a build argument that is not declared', 'FROM debian:$V\nARG V\n'],
    ['a form that not all builders know', 'ARG V=12\nFROM debian:${V#1}\n'],
    ['a variable of the base image', 'FROM a\nCOPY --from=$FROM_BASE / /\n'],
    ['a global argument that is not taken into the stage', 'ARG T=x\nFROM a\nCOPY --from=$T / /\n'],
    ['no name at all', 'ARG V\nFROM $V\n'],
    ['the platform of the building machine', 'FROM base-$BUILDARCH\n'],
  ])('are refused as unresolved with %s', (_, dockerfile) => {
    expect(codeOf(dockerfile, {})).toBe('recipe-unresolved-image')
  })

  it.each([
    'oci:/var/lib/image',
    'dir:/etc',
    'docker-archive:/tmp/x.tar',
    'containers-storage:x',
    'docker-daemon:x:1',
  ])('are refused where they lie on this machine: %s', (image) => {
    expect(codeOf(`FROM ${image}\n`)).toBe('recipe-local-image')
    expect(codeOf(`FROM a\nCOPY --from=${image} / /\n`)).toBe('recipe-local-image')
  })

  it.each([
    `FROM ${OWN}\n`,
    `FROM ${OWN}:1.0 AS x\nFROM scratch\n`,
    `FROM ${OWN}@sha256:00\n`,
    `FROM docker://${OWN}\n`,
    'FROM GHCR.IO/example/app\n',
    'FROM ghcr.io:443/example/app\n',
    'ARG A=example\nFROM ghcr.io/$A/app\n',
    `FROM a\nCOPY --from=${OWN}:1 / /\n`,
    `FROM a\nRUN --mount=type=bind,from=${OWN},target=/x cp -r /x /y\n`,
    `FROM a\nONBUILD COPY --from=${OWN} / /\n`,
    `# syntax=${OWN}:1\nFROM a\n`,
    'FROM a\nADD https://ghcr.io/v2/example/app/blobs/sha256:00 /layer.tar\n',
    'FROM a\nARG R=ghcr.io\nADD ["https://$R/v2/example/app/blobs/sha256:00", "/layer.tar"]\n',
  ])('are refused where they are the project’s own: %j', (dockerfile) => {
    expect(codeOf(dockerfile)).toBe('recipe-reads-own-image')
  })

  it('is not the image of the builder either', () => {
    const image = `ghcr.io:443/example/app@sha256:${'a'.repeat(64)}`
    const builders = [{ name: 'docker' as const, image }]
    expect(codeOf('FROM scratch', { builders })).toBe('recipe-reads-own-image')
  })

  it('leaves out the stages that the target does not need', () => {
    const text = 'FROM a AS one\nFROM b AS two\nFROM c AS three\nCOPY --from=one / /\n'
    expect(find(text)).toEqual(['a', 'c'])
    expect(find(text, { target: 'TWO' })).toEqual(['b'])
    expect(find(text, { target: '0' })).toEqual(['a'])
    expect(codeOf(text, { target: 'four' })).toBe('dockerfile-invalid')
  })

  it.each([
    ['no stage', 'RUN true\n', 'dockerfile-invalid'],
    ['nothing', '', 'dockerfile-invalid'],
    ['a reference that is none', 'FROM a;b\n', 'dockerfile-invalid'],
    ['privileges', 'FROM a\nRUN --security=insecure mount\n', 'recipe-asks-privilege'],
  ])('refuses a Dockerfile with %s', (_, dockerfile, code) => {
    expect(codeOf(dockerfile)).toBe(code)
  })
})

describe('the repository of a reference', () => {
  it.each([
    ['debian', 'docker.io/library/debian'],
    ['debian:12', 'docker.io/library/debian'],
    ['debian:12@sha256:00', 'docker.io/library/debian'],
    ['a/b', 'docker.io/a/b'],
    ['index.docker.io/library/debian', 'docker.io/library/debian'],
    ['registry-1.docker.io/debian', 'docker.io/library/debian'],
    ['127.0.0.1:5000/a', 'localhost:5000/a'],
    ['localhost:5000/a:1', 'localhost:5000/a'],
    ['[::1]:5000/a', 'localhost:5000/a'],
    ['Example.com:443/A/b:1', 'example.com/a/b'],
    ['example.com:8443/a', 'example.com:8443/a'],
  ])('%s is %s', (reference, repository) => {
    expect(repositoryOf(reference)).toBe(repository)
  })
})
