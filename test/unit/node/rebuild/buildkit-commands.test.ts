import { describe, expect, it } from 'vitest'
import {
  buildCommand,
  clientCommand,
  layOutBuildKit,
  sourcePolicy,
} from '../../../../node/rebuild/buildkit-commands.ts'
import type { Recipe } from '../../../../protocol/recipe.ts'

const client = { buildctl: '/usr/bin/buildctl', address: 'tcp://builder.example:1234' }
const layout = layOutBuildKit('/work')

function makeRecipe(recipe: Partial<Recipe>): Recipe {
  return { builders: [{ name: 'buildkit' }], dockerfile: 'D', context: '.', ...recipe }
}

function command(recipe: Partial<Recipe>): readonly string[] {
  return buildCommand(client, layout, {
    recipe: makeRecipe(recipe),
    platform: 'linux/amd64',
    dockerfile: '/source/docker/app.Dockerfile',
    context: '/source',
  })
}

const after = (words: readonly string[], flag: string): readonly string[] =>
  words.filter((_, at) => words[at - 1] === flag)

describe('the command of a build by BuildKit', () => {
  it('takes nothing from a cache, and allows nothing', () => {
    const words = command({})
    expect(words).toContain('--no-cache')
    for (const flag of ['--allow', '--secret', '--ssh', '--import-cache', '--export-cache']) {
      expect(words).not.toContain(flag)
    }
  })

  it('rewrites times where the recipe has a SOURCE_DATE_EPOCH, and gives it to steps', () => {
    const words = command({ sourceDateEpoch: 1_700_000_000 })
    expect(after(words, '--opt')).toContain('build-arg:SOURCE_DATE_EPOCH=1700000000')
    expect(after(words, '--output')[0]).toMatch(/^type=oci,.*,rewrite-timestamp=true$/)
    expect(after(command({}), '--output')[0]).not.toContain('rewrite-timestamp')
  })

  it('gives one SOURCE_DATE_EPOCH, the recipe’s own', () => {
    const words = command({ sourceDateEpoch: 1, buildArgs: { SOURCE_DATE_EPOCH: '2' } })
    expect(words.filter((word) => word.includes('SOURCE_DATE_EPOCH'))).toEqual([
      'build-arg:SOURCE_DATE_EPOCH=1',
    ])
  })

  it('names Dockerfile, context, target, platform and network', () => {
    const words = command({ target: 'app', network: 'none', buildArgs: { B: '2', A: '1,2' } })
    expect(after(words, '--local')).toEqual(['context=/source', 'dockerfile=/source/docker'])
    expect(after(words, '--opt')).toEqual([
      'filename=app.Dockerfile',
      'platform=linux/amd64',
      'target=app',
      'force-network-mode=none',
      'build-arg:A=1,2',
      'build-arg:B=2',
    ])
  })

  it('quotes what an annotation holds', () => {
    const words = command({ annotations: { 'org.example.note': 'a,b "c"' } })
    expect(after(words, '--output')[0]).toContain(',"annotation.org.example.note=a,b ""c"""')
  })

  it.each([
    [{ annotations: { 'Org.Example': 'x' } }],
    [{ annotations: { 'org.example': 'two\nlines' } }],
    [{ exporter: { push: 'true' } }],
    [{ exporter: { dest: '/etc/passwd' } }],
    [{ exporter: { compression: 'lzma' } }],
    [{ exporter: { compression: 'gzip,dest=/etc' } }],
    [{ buildArgs: { BUILDKIT_MULTI_PLATFORM: '1' } }],
    [{ buildArgs: { BUILDKIT_CACHE_MOUNT_NS: 'other' } }],
  ])('refuses %j, which it cannot do as it stands', (recipe) => {
    expect(() => command(recipe)).toThrow(expect.objectContaining({ code: 'recipe-not-supported' }))
  })

  it('takes the exporter options that a recipe may give', () => {
    const exporter = { compression: 'zstd', 'compression-level': '3', 'rewrite-timestamp': 'false' }
    const [output = ''] = after(command({ exporter, sourceDateEpoch: 1 }), '--output')
    expect(output).toContain('rewrite-timestamp=false')
    expect(output).toContain('compression=zstd,compression-level=3')
  })

  it('shows both sides of TLS their files', () => {
    const tls = { ca: '/ca', cert: '/cert', key: '/key', serverName: 'kit' }
    expect(clientCommand({ ...client, tls })).toEqual([
      '/usr/bin/buildctl',
      ...['--addr', 'tcp://builder.example:1234'],
      ...['--tlscacert', '/ca', '--tlscert', '/cert', '--tlskey', '/key'],
      ...['--tlsservername', 'kit'],
    ])
  })
})

describe('the source policy', () => {
  const denies = (image: string, recipe: Partial<Recipe>, source: string): boolean => {
    const { rules } = JSON.parse(sourcePolicy(image, makeRecipe(recipe))) as {
      rules: readonly { action: string; selector: { identifier: string } }[]
    }
    const last = rules.findLast(({ selector }) => new RegExp(selector.identifier).test(source))
    return last?.action === 'DENY'
  }

  it.each([
    ['docker-image://registry.example/project/app:1', true],
    ['docker-image://registry.example/project/app@sha256:00', true],
    ['docker-image://registry.example/project/app', true],
    ['docker-image://registry.example/project/application:1', false],
    ['docker-image://registryxexample/project/app:1', false],
    ['docker-image://docker.io/library/debian:12', false],
    ['https://example.org/file', false],
  ])('of the project’s own image on %s', (source, denied) => {
    expect(denies('registry.example/project/app', {}, source)).toBe(denied)
  })

  it('refuses every URL where the recipe asks for no network, and images never', () => {
    const none = (source: string): boolean => denies('example.org/app', { network: 'none' }, source)
    expect(none('https://example.org/file')).toBe(true)
    expect(none('git://example.org/repository')).toBe(true)
    expect(none('docker-image://docker.io/library/debian:12')).toBe(false)
  })

  it.each([
    ['https://deb.example/file', false],
    ['http://deb.example:80/file', false],
    ['https://deb.example:8443/file', true],
    ['https://deb.example.evil.example/file', true],
    ['https://debxexample/file', true],
    ['https://mirror.example:8080/file', false],
    ['https://mirror.example/file', true],
    ['docker-image://docker.io/library/debian:12', false],
    ['docker-image://example.org/app:1', true],
  ])('holds URLs of the daemon to the hosts that the recipe declares: %s', (source, denied) => {
    const egress = ['deb.example', 'mirror.example:8080']
    expect(denies('example.org/app', { egress }, source)).toBe(denied)
  })
})
