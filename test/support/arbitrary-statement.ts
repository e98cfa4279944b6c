/** Arbitrary bodies of statements, valid in every field and of every shape. */
import fc from 'fast-check'
import type { Commitment } from '../../protocol/blind/commitment.ts'
import type { Rebuild } from '../../protocol/rebuild.ts'
import type { Recipe } from '../../protocol/recipe.ts'
import type { Release } from '../../protocol/release.ts'
import type { Withdrawal } from '../../protocol/withdrawal.ts'
import { digestOf, hexOf, imageDigests, makeOperator, TEST_PROFILE } from './statements.ts'

const hex = (length: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.constantFrom(...'0123456789abcdef'.split('')),
    minLength: length,
    maxLength: length,
  })
const digest = hex(64).map((digits) => `sha256:${digits}`)
const commit = fc.oneof(hex(40), hex(64))
const image = fc
  .tuple(
    fc.constantFrom('ghcr.io', 'localhost:5000', '127.0.0.1:41234', 'registry.example'),
    fc.array(fc.constantFrom('a', 'app', 'a-b', 'x_y', 'v1.2', 'p__q'), {
      minLength: 1,
      maxLength: 4,
    }),
  )
  .map(([host, path]) => [host, ...path].join('/'))
const platform = fc.constantFrom('linux/amd64', 'linux/arm64', 'linux/arm/v7', 'windows/amd64')
const time = fc.integer({ min: 0, max: 253_402_300_799 })
/** A code point has at most four bytes. */
const text = (maxBytes: number): fc.Arbitrary<string> =>
  fc
    .string({ unit: 'binary', minLength: 1, maxLength: Math.min(16, maxBytes / 4) })
    .map((value) => value.toWellFormed().replace(/\p{Cc}/gu, '?'))
const sids = fc
  .uniqueArray(hex(64), { maxLength: 4 })
  .map((items) => items.toSorted((a, b) => (a < b ? -1 : 1)))

/** `fields`, of which those named in `optional` may be absent. */
function record<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }, optional: (keyof T)[]) {
  const requiredKeys = (Object.keys(fields) as (keyof T)[]).filter((key) => !optional.includes(key))
  return fc.record(fields, { requiredKeys, noNullPrototype: true }) as unknown as fc.Arbitrary<T>
}

const map = (key: fc.Arbitrary<string>): fc.Arbitrary<Record<string, string>> =>
  fc.dictionary(
    key,
    fc.string({ unit: 'binary', maxLength: 40 }).map((value) => value.toWellFormed()),
    {
      minKeys: 1,
      maxKeys: 4,
      noNullPrototype: true,
    },
  )

const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,15}$/)
const option = fc.stringMatching(/^[a-z][a-z0-9._-]{0,15}$/)
const path = fc
  .array(fc.constantFrom('docker', 'Dockerfile', '.x', 'a b', 'é'), { minLength: 1, maxLength: 3 })
  .map((parts) => parts.join('/'))

const egressHost = fc
  .tuple(fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,5}[a-z0-9])?$/), fc.constantFrom('', ':8080'))
  .map(([label, port]) => `${label}.example${port}`)

const anyRecipe: fc.Arbitrary<Recipe> = record<Required<Recipe>>(
  {
    builders: fc
      .subarray(['buildah', 'buildkit', 'docker', 'podman'] as const, { minLength: 1 })
      .map((names) => names.map((each) => ({ name: each }))),
    dockerfile: path,
    context: fc.oneof(fc.constant('.'), path),
    target: fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,15}$/),
    buildArgs: map(name),
    sourceDateEpoch: time,
    annotations: map(fc.stringMatching(/^[!-~]{1,32}$/)),
    network: fc.constantFrom('none', 'default'),
    egress: fc
      .uniqueArray(egressHost, { minLength: 1, maxLength: 4 })
      .map((hosts) => hosts.toSorted((a, b) => (a < b ? -1 : 1))),
    exporter: map(option),
  },
  ['target', 'buildArgs', 'sourceDateEpoch', 'annotations', 'network', 'egress', 'exporter'],
)
const recipe: fc.Arbitrary<Recipe> = anyRecipe.filter(
  ({ network, egress }) => network !== 'none' || egress === undefined,
)

const logs = fc
  .uniqueArray(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 4 })
  .map((numbers) =>
    numbers
      .toSorted((a, b) => a - b)
      .map((n) => ({
        origin: `rebuildnet.dev/log/${makeOperator().id}/${hexOf('a key')}/${n}`,
        size: n + 1,
        root: hexOf(`root ${n}`),
      })),
  )

const release: fc.Arbitrary<Release> = record<Required<Release>>(
  {
    kind: fc.constant('release'),
    image,
    version: fc.stringMatching(/^[0-9a-z][0-9a-z.+-]{0,20}$/),
    source: fc.record({
      repository: fc.constantFrom('git+https://git.example/app', 'git+file:///srv/app'),
      commit,
      ref: text(256),
    }),
    recipe,
    platforms: fc
      .uniqueArray(platform, { minLength: 1 })
      .chain((names) =>
        fc.tuple(
          ...names
            .toSorted((a, b) => (a < b ? -1 : 1))
            .map((each) =>
              fc
                .option(digest, { nil: undefined })
                .map((manifestDigest) =>
                  manifestDigest === undefined
                    ? { platform: each }
                    : { platform: each, manifestDigest },
                ),
            ),
        ),
      ),
    publishes: hex(64),
    logs,
    announced: time,
  },
  ['publishes', 'logs'],
).filter(
  ({ platforms, ...body }) =>
    !('publishes' in body || 'logs' in body) ||
    platforms.some((each) => each.manifestDigest !== undefined),
)

const digests = fc.constantFrom('one', 'two', 'three').map((each) => imageDigests(each))
const partial = digests.map((each) => ({ ...each, rootfsDigest: { error: 'some-code' } }))
const outcome: fc.Arbitrary<Rebuild['outcome']> = fc.oneof(
  fc.oneof(digests, partial).map((rebuilt) => ({ kind: 'built' as const, rebuilt })),
  fc.constant({
    kind: 'unstable' as const,
    rebuilt: [imageDigests('one'), imageDigests('two')] as const,
  }),
  fc.record({
    kind: fc.constant('failed' as const),
    stage: fc.constantFrom('source', 'build', 'export', 'normalize'),
    class: fc.constantFrom('recipe', 'infrastructure'),
  }),
)
const published: fc.Arbitrary<Pick<Rebuild, 'published' | 'publishedDigest'>> = fc.oneof(
  fc.constant({ published: { unfetched: true as const } }),
  digest.map((publishedDigest) => ({ publishedDigest, published: { unfetched: true as const } })),
  digest.map((publishedDigest) => ({ publishedDigest, published: { error: 'some-code' } })),
  fc.constant({
    publishedDigest: digestOf('manifest other'),
    published: imageDigests('other'),
  }),
)

const rebuild: fc.Arbitrary<Rebuild> = record<
  Omit<Required<Rebuild>, 'published' | 'publishedDigest' | 'differences' | 'completes'>
>(
  {
    kind: fc.constant('rebuild'),
    image,
    release: hex(64),
    inputDigest: hex(64),
    commit,
    platform,
    profile: fc.constant(TEST_PROFILE),
    outcome,
    environment: fc.record({
      builder: text(64),
      builderVersion: text(128),
      kernel: text(256),
      cpu: text(256),
      emulated: fc.boolean(),
    }),
    materials: fc
      .uniqueArray(fc.stringMatching(/^[!-~]{1,20}$/), { maxLength: 3 })
      .map((uris) =>
        uris
          .toSorted((a, b) => (a < b ? -1 : 1))
          .map((uri) => ({ uri, digest: `sha256:${hexOf(uri)}` })),
      ),
    logDigest: digest,
    started: fc.integer({ min: 0, max: 2_000_000_000 }),
    finished: fc.integer({ min: 2_000_000_000, max: 3_000_000_000 }),
    supersedes: sids,
    reveals: fc.record({ commitment: hex(64), salt: hex(64) }, { noNullPrototype: true }),
    after: sids.filter((each) => each.length > 0),
  },
  ['logDigest', 'reveals', 'after'],
)
  .chain((body) => published.map((image) => ({ ...body, ...image })))
  .chain((body) =>
    body.publishedDigest === undefined
      ? fc.constant(body)
      : fc.option(hex(64), { nil: undefined }).map((completes) => ({
          ...body,
          ...(completes === undefined ? {} : { completes }),
        })),
  )

const withdrawal: fc.Arbitrary<Withdrawal> = fc.record(
  {
    kind: fc.constant('withdrawal' as const),
    image,
    withdraws: hex(64),
    reason: text(1024),
    withdrawn: time,
  },
  { noNullPrototype: true },
)

const commitment: fc.Arbitrary<Commitment> = fc.record(
  {
    kind: fc.constant('commitment' as const),
    image,
    release: hex(64),
    inputDigest: hex(64),
    platform,
    profile: fc.constant(TEST_PROFILE),
    hash: hex(64),
    committed: time,
  },
  { noNullPrototype: true },
)

export const arbitraryBody: fc.Arbitrary<Release | Rebuild | Commitment | Withdrawal> = fc.oneof(
  release,
  rebuild,
  commitment,
  withdrawal,
)
