/** What is wrong with the predicate of a release. */
import { digestOf, hexOf } from '../statements.ts'
import { changePredicate, type Changes } from './change-statement.ts'
import type { InvalidRow } from './invalid-row.ts'
import { blind, good, released } from './valid-statements.ts'

const release = (changes: Changes): Uint8Array => changePredicate(good, changes)
const [amd64, arm64] = released.statement.body.platforms
const [builder] = good.statement.body.recipe.builders
const [platform] = good.statement.body.platforms
const bigArgs = Object.fromEntries(Array.from({ length: 10 }, (_, i) => [`A${i}`, 'x'.repeat(900)]))
const SHA512 = `sha512:${hexOf('a')}${hexOf('b')}`
const reference = { from: 'label:date', pattern: '.*' }

export const invalidReleases: readonly InvalidRow[] = [
  ['release without image', 'missing-field', release({ image: undefined })],
  ['image name in upper case', 'not-canonical', release({ image: 'registry.example/App' })],
  ['image name without a host', 'not-canonical', release({ image: 'debian' })],
  ['image name with a tag', 'not-canonical', release({ image: 'registry.example/app:1' })],
  ['version over its limit', 'too-long', release({ version: '1'.repeat(129) })],
  ['version with a space', 'not-canonical', release({ version: '1.0 beta' })],
  ['negative time', 'out-of-range', release({ announced: -1 })],
  ['time as a string', 'wrong-type', release({ announced: '0' })],
  ['null for an absent field', 'wrong-type', release({ publishes: null })],
  [
    'publishes without a digest',
    'inconsistent',
    changePredicate(blind, { publishes: hexOf('another release') }),
  ],

  ['short commit', 'not-canonical', release({ 'source.commit': '92521fc' })],
  ['source by ssh', 'not-canonical', release({ 'source.repository': 'git+ssh://git.example/app' })],
  [
    'source with a password',
    'not-canonical',
    release({ 'source.repository': 'git+https://user:secret@git.example/app' }),
  ],
  [
    'control character in a text',
    'not-canonical',
    release({ 'source.ref': 'refs/tags/v1\u001b[2J' }),
  ],

  ['release without platforms', 'not-canonical', release({ platforms: [] })],
  ['platform arm64/v8', 'not-canonical', release({ 'platforms.0.platform': 'linux/arm64/v8' })],
  ['platform twice', 'not-sorted', release({ platforms: [platform, platform] })],
  [
    'platforms out of order',
    'not-sorted',
    changePredicate(released, { platforms: [arm64, amd64] }),
  ],
  [
    'one manifest for two platforms',
    'inconsistent',
    changePredicate(released, { 'platforms.1.manifestDigest': amd64?.manifestDigest }),
  ],
  [
    'digest in upper case',
    'not-canonical',
    release({ 'platforms.0.manifestDigest': digestOf('x').toUpperCase() }),
  ],
  [
    'digest of another algorithm',
    'not-canonical',
    release({ 'platforms.0.manifestDigest': SHA512 }),
  ],

  ['unknown field in a recipe', 'unknown-field', release({ 'recipe.secrets': 'x' })],
  ['unknown field in a builder', 'unknown-field', release({ 'recipe.builders.0.flags': 'x' })],
  ['unknown builder', 'unknown-enum-value', release({ 'recipe.builders.0.name': 'kaniko' })],
  ['builder twice', 'not-sorted', release({ 'recipe.builders': [builder, builder] })],
  ['recipe without builders', 'not-canonical', release({ 'recipe.builders': [] })],
  [
    'builder image without a digest',
    'not-canonical',
    release({ 'recipe.builders.0.image': 'moby/buildkit:latest' }),
  ],
  [
    'recipe that leaves the source',
    'not-canonical',
    release({ 'recipe.dockerfile': '../Dockerfile' }),
  ],
  ['recipe with an absolute path', 'not-canonical', release({ 'recipe.context': '/etc' })],
  ['recipe with an empty map', 'not-canonical', release({ 'recipe.buildArgs': {} })],
  [
    'reference in a signed recipe',
    'wrong-type',
    release({ 'recipe.buildArgs': { DATE: reference } }),
  ],
  ['recipe over 8 KiB', 'too-long', release({ 'recipe.buildArgs': bigArgs })],
]
