/** Signed examples of each kind of statement, and of each outcome. */
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import type { CreatedStatement } from '../../../protocol/create-statement.ts'
import { encodeDsse } from '../../../protocol/dsse.ts'
import { messageId, parseEnvelope } from '../../../protocol/envelope.ts'
import { MAX_CARD_LIFETIME_SECONDS } from '../../../protocol/operator-card.ts'
import type { StatementBody } from '../../../protocol/statement.ts'
import {
  digestOf,
  hexOf,
  imageDigests,
  makeCommitment,
  makeOperator,
  makeRebuild,
  makeRecipe,
  makeRelease,
  makeWithdrawal,
  TEST_TIME,
} from '../statements.ts'
import { makeCardStatement, makeKey, rawRoot, sshRoot } from '../cards.ts'
import { payloadOf } from './change-statement.ts'

export interface ValidVector {
  readonly name: string
  /** The binary form. */
  readonly hex: string
  readonly messageId: string
  readonly sid: string
  readonly key: string
  /** The payload as text, byte for byte. */
  readonly payload: string
  /** The JSON envelope. */
  readonly envelope: unknown
  readonly body: StatementBody
}

export const toHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

const alice = makeOperator('alice')
const bob = makeOperator('bob')
export const released = makeRelease({
  platforms: [
    { platform: 'linux/amd64', manifestDigest: digestOf('amd64') },
    { platform: 'linux/arm64', manifestDigest: digestOf('arm64') },
  ],
  recipe: makeRecipe({
    builders: [
      { name: 'buildah', version: '1.28' },
      { name: 'buildkit', image: `moby/buildkit@${digestOf('buildkit')}` },
    ],
    target: 'runtime',
    buildArgs: { DEBIAN_ARCHIVE_DATE: '20260101', GREETING: 'grüß Gott' },
    annotations: { 'org.opencontainers.image.title': 'app' },
    network: 'none',
    exporter: { 'rewrite-timestamp': 'true' },
  }),
})
export const blind = makeRelease({ published: undefined })
export const good = makeRelease()
const publishing = makeRelease({ publishes: blind.statement.sid })
export const rebuilt = makeRebuild({ release: good })

const valid: Record<string, CreatedStatement> = {
  'release: two platforms, a recipe with every field': released,
  'release: blind': blind,
  'release: publishes the digests of a blind one': publishing,
  'rebuild: same image': rebuilt,
  'rebuild: of a blind release': makeRebuild({ release: blind }),
  'rebuild: different image': makeRebuild({
    release: good,
    operator: bob,
    digest: 'other',
    differences: { count: 3, paths: ['etc/shadow', 'opt/100%25 caf\u00e9', 'usr/lib/%FF.so'] },
    materials: [
      { uri: 'docker://docker.io/library/debian', digest: digestOf('base') },
      { uri: 'git+https://git.example/project/app', digest: digestOf('tree') },
    ],
    logDigest: digestOf('log'),
    supersedes: [hexOf('an earlier result')],
  }),
  'rebuild: image that does not normalize': makeRebuild({
    release: good,
    outcome: {
      kind: 'built',
      rebuilt: { ...imageDigests('odd'), rootfsDigest: { error: 'flatten-symlink-parent' } },
    },
    published: { error: 'tar-duplicate' },
  }),
  'rebuild: unstable': makeRebuild({
    release: good,
    outcome: { kind: 'unstable', rebuilt: [imageDigests('one'), imageDigests('two')] },
    maps: false,
  }),
  'rebuild: failed, recipe': makeRebuild({
    release: good,
    outcome: { kind: 'failed', stage: 'build', class: 'recipe' },
  }),
  'rebuild: failed, infrastructure, with a parametrized profile': makeRebuild({
    release: good,
    profile: 'rebuildnet/1;drop=etc/shadow;mtime=clamp:0',
    outcome: { kind: 'failed', stage: 'source', class: 'infrastructure' },
    maps: false,
  }),
  'withdrawal: of a result': makeWithdrawal({ withdraws: rebuilt }),
  'withdrawal: of a release': makeWithdrawal({
    operator: makeOperator('announcer'),
    withdraws: good,
    reason: 'the tag was moved',
  }),
  'operator: first card': alice.card,
  'operator: first card, with claims': makeOperator('carol', {
    claims: { country: 'DE', provider: 'home' },
    expires: TEST_TIME + MAX_CARD_LIFETIME_SECONDS,
  }).card,
}

const origin = `rebuildnet.dev/log/${alice.id}/${alice.key.publicKey}/0`
const vote = makeRebuild({ release: blind })
export const commitment = makeCommitment(vote)
export const reveal = makeRebuild({
  release: blind,
  reveals: { commitment: commitment.statement.sid, salt: hexOf('salt') },
  after: [hexOf('commitment of bob'), hexOf('commitment of carol')].sort(),
})
export const listing = makeRelease({
  publishes: blind.statement.sid,
  logs: [{ origin, size: 3, root: hexOf('root of a log') }],
})
export const completion = makeRebuild({
  release: listing,
  completes: reveal.statement.sid,
})
Object.assign(valid, {
  commitment,
  'rebuild: opens a commitment, after those of others': reveal,
  'release: publishes the digests of a blind one, with logs': listing,
  'rebuild: completes a blind one': completion,
} satisfies Record<string, CreatedStatement>)

const first = { root: rawRoot(alice.root), keys: [alice.key], follows: alice.card.statement.body }
const sshFirst = makeCardStatement({ root: sshRoot(alice.root), keys: [alice.key] })
Object.assign(valid, {
  'operator: second card, with two keys': makeCardStatement({
    ...first,
    followsSid: alice.card.statement.sid,
    keys: [alice.key, makeKey('key of alice 2')],
  }),
  'operator: second card, with a new root key and a log that ends': makeCardStatement({
    ...first,
    root: rawRoot(makeKey('root of alice 2')),
    previousRoot: first.root,
    keys: [makeKey('key of alice 2')],
    revocations: [{ origin, size: 3, root: hexOf('root of a log') }],
  }),
  'operator: first card of an SSH key': sshFirst,
  'operator: second card, from an SSH key to a security key': makeCardStatement({
    ...first,
    follows: sshFirst.statement.body,
    root: sshRoot(makeKey('security key'), 'security-key'),
    previousRoot: sshRoot(alice.root),
  }),
} satisfies Record<string, CreatedStatement>)

export const validVectors: readonly ValidVector[] = Object.entries(valid).map(([name, created]) => {
  const { bytes, statement } = created
  return {
    name,
    hex: toHex(bytes),
    messageId: toHex(messageId(bytes, nodeCrypto)),
    sid: statement.sid,
    key: statement.key,
    payload: payloadOf(created),
    envelope: JSON.parse(encodeDsse(parseEnvelope(bytes))) as unknown,
    body: statement.body,
  }
})
