import { describe, expect, it } from 'vitest'
import { parseProject } from '../../../protocol/project.ts'
import { ProjectError } from '../../../protocol/project-error.ts'
import { encodeSshKeyLine } from '../../../protocol/ssh-key.ts'
import { readTag, type WatchRules } from '../../../protocol/watch-rules.ts'

const KEY = encodeSshKeyLine({ type: 'ssh-ed25519', publicKey: new Uint8Array(32).fill(7) })

function read(watch: unknown): WatchRules | undefined {
  return parseProject({
    format: 1,
    image: 'registry.example/app',
    platforms: ['linux/amd64'],
    source: 'git+https://git.example/app',
    announcers: [`op1${'a'.repeat(52)}`],
    recipe: { builders: [{ name: 'buildah' }] },
    watch,
  }).watch
}

function fault(watch: unknown): { readonly key: string; readonly message: string } {
  try {
    read(watch)
  } catch (error) {
    if (error instanceof ProjectError) return error
    throw error
  }
  throw new Error('it was taken')
}

describe('the watch table', () => {
  it('takes one pattern or several, and has defaults', () => {
    expect(read({ git_tags: 'v*' })).toEqual({
      gitTags: ['v*'],
      registryTags: [],
      movingTags: [],
      keys: [],
      blind: false,
      intervalSeconds: 900,
    })
    expect(
      read({ git_tags: ['v*', 'release/*'], registry_tags: '*', interval: '2h' }),
    ).toMatchObject({ gitTags: ['v*', 'release/*'], registryTags: ['*'], intervalSeconds: 7200 })
  })

  it('keeps a key without its comment', () => {
    expect(read({ git_tags: 'v*', keys: [`${KEY} ada@example.org`] })?.keys).toEqual([KEY])
  })

  const commit = { commit: 'label:rev', branch: 'main' }
  const wrong: readonly (readonly [unknown, string, string])[] = [
    [{}, 'watch.git_tags', 'nothing is watched'],
    [{ git_tags: 'v*', colour: 1 }, 'watch.colour', 'not a key'],
    [{ git_tags: 'v*.*' }, 'watch.git_tags', 'must be a tag'],
    [{ git_tags: '--upload-pack=x y' }, 'watch.git_tags', 'must be a tag'],
    [{ git_tags: 'v*', interval: '10s' }, 'watch.interval', '"1m" to "7d"'],
    [{ git_tags: 'v*', interval: '8d' }, 'watch.interval', '"1m" to "7d"'],
    [{ registry_tags: '*' }, 'watch.registry_tags', 'which commit'],
    [{ moving_tags: 'nightly' }, 'watch.commit', 'name its commit'],
    [{ moving_tags: 'night*', ...commit }, 'watch.moving_tags', 'without "*"'],
    [{ moving_tags: 'nightly', commit: 'label:rev' }, 'watch.branch', 'on a branch'],
    [{ moving_tags: 'nightly', ...commit, branch: '-x' }, 'watch.branch', 'name of a branch'],
    [{ moving_tags: 'nightly', ...commit, branch: 'a..b' }, 'watch.branch', 'name of a branch'],
    [{ moving_tags: 'nightly', ...commit, commit: 'commit-time' }, 'watch.commit', 'label:KEY'],
    [{ git_tags: 'v*', keys: ['ssh-rsa AAAA'] }, 'watch.keys.0', 'OpenPGP'],
    [{ git_tags: 'v*', keys: ['-----BEGIN PGP PUBLIC KEY BLOCK-----'] }, 'watch.keys.0', 'OpenPGP'],
    [{ git_tags: 'v*', keys: [KEY], ...commit }, 'watch.keys', 'is not signed'],
    [{ git_tags: 'v*', blind: true }, 'watch.blind', 'registry_tags'],
  ]
  it.each(wrong)('refuses %j, and names the key', (watch, key, words) => {
    const error = fault(watch)
    expect(error.key).toBe(key)
    expect(error.message).toContain(words)
  })
})

describe('a tag', () => {
  it('is of the version that the star stands for', () => {
    const version = (patterns: string[], tag: string) => readTag(patterns, tag)
    expect(version(['v*'], 'v1.2.0')).toEqual({ kind: 'version', version: '1.2.0' })
    expect(version(['release/*'], 'release/1.2.0')).toEqual({ kind: 'version', version: '1.2.0' })
    expect(version(['*-final'], '3-final')).toEqual({ kind: 'version', version: '3' })
    expect(version(['stable'], 'stable')).toEqual({ kind: 'version', version: 'stable' })
    expect(version(['a', 'v*'], 'v1')).toEqual({ kind: 'version', version: '1' })
  })

  it('is none where the star would stand for nothing, a slash or what looks like something else', () => {
    for (const tag of ['v', 'v1/2', 'v1\u202e2', 'v1 2', 'w1', 'v\u0430', `v${'1'.repeat(129)}`]) {
      expect(readTag(['v*'], tag), tag).toEqual({ kind: 'none' })
    }
    // Overlapping ends are no match.
    expect(readTag(['ab*ba'], 'aba')).toEqual({ kind: 'none' })
  })

  it('is ambiguous where two patterns give two versions, and not where they give one', () => {
    expect(readTag(['v*', '*'], 'v1')).toEqual({ kind: 'ambiguous', versions: ['1', 'v1'] })
    expect(readTag(['v*', 'v*'], 'v1')).toEqual({ kind: 'version', version: '1' })
  })
})
