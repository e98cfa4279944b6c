import { existsSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { loadSigningKey } from '../../../node/crypto/signing-key.ts'
import { openDataFolder, type DataFolder } from '../../../node/data-folder.ts'
import { loadOwnCard } from '../../../node/operator-identity.ts'
import { parseHex } from '../../../protocol/bytes.ts'
import type { OperatorCard } from '../../../protocol/operator-card.ts'
import { describeRootKey } from '../../../protocol/root-key.ts'
import { sshFingerprint } from '../../../protocol/ssh-key.ts'
import type { Bind } from '../../command-table.ts'
import { EXIT } from '../../exit-code.ts'
import { cardExpiryFact } from '../../terminal/card-expiry.ts'
import { faint, strong, warn, type Text } from '../../terminal/style.ts'

export function defineShow(parent: Command, bind: Bind): void {
  const command = parent
    .command('show')
    .summary('public key, fingerprints, expiry, files')
    .description(
      'Shows the public signing key of this node, its fingerprint (SHA256, as ssh-keygen -l shows it), whose it is and until when, and which files hold what. Shows no secret.',
    )
  bind(command, async ({ context }) => {
    const folder = await openDataFolder(context.dataFolder)
    const { publicKey } = await loadSigningKey(folder.signingKey)
    // A second node has a key before it has a card.
    const card = existsSync(folder.card)
      ? (await loadOwnCard(folder, nodeCrypto)).card.body
      : undefined
    const files = await keyFiles(folder)
    const fingerprint = fingerprintOf(publicKey)
    const { out } = context
    if (out.json) {
      out.value({
        key: publicKey,
        fingerprint,
        operator: card?.operator ?? null,
        card: card?.version ?? null,
        listed: card?.keys.includes(publicKey) ?? false,
        expires: card?.expires ?? null,
        rootKey: card?.rootKey ?? null,
        files,
      })
      return EXIT.yes
    }
    out.facts([
      ['signing key', strong(publicKey)],
      ['fingerprint', fingerprint],
      ...cardFacts(card, publicKey),
      ['files', files.map(({ path, holds }): Text => `${path}: ${holds}`)],
    ])
    return EXIT.yes
  })
}

function cardFacts(
  card: OperatorCard | undefined,
  publicKey: string,
): readonly (readonly [string, Text])[] {
  if (card === undefined) return [['operator', faint('none yet: see "operator join"')]]
  return [
    ['operator', strong(card.operator)],
    ['card', `${card.version}, ${card.keys.length} signing keys`],
    ['expires', cardExpiryFact(card.expires, Math.floor(Date.now() / 1000))],
    [
      'root key',
      card.rootKey.type === 'ed25519'
        ? `${describeRootKey(card.rootKey, nodeCrypto)} ${fingerprintOf(card.rootKey.key)}`
        : describeRootKey(card.rootKey, nodeCrypto),
    ],
    ...(card.keys.includes(publicKey)
      ? []
      : [
          [
            'trouble',
            warn('the card does not list this key: what it signs does not count'),
          ] as const,
        ]),
  ]
}

function fingerprintOf(key: string): string {
  const publicKey = parseHex(key) ?? new Uint8Array()
  return sshFingerprint({ type: 'ssh-ed25519', publicKey }, nodeCrypto)
}

/** The files that are here, and what losing or leaking each would mean. */
async function keyFiles(
  folder: DataFolder,
): Promise<readonly { readonly path: string; readonly holds: string }[]> {
  const known = [
    [folder.signingKey, 'signs what this node says; back it up'],
    [folder.rootKey, 'signs cards; keep it off this machine'],
    [folder.rootPublic, 'public part of the SSH root key'],
    [folder.nextSigningKey, 'signing key that waits for its card'],
    [folder.nextRootKey, 'root key that waits for its card'],
    [folder.card, 'the operator card; no secret'],
    [folder.logMark, 'number of the newest log; no secret'],
    [folder.peerKey, 'address on the network; need not be kept'],
  ] as const
  const retired = join(folder.root, 'keys', 'retired')
  const names = existsSync(retired) ? await readdir(retired) : []
  return [
    ...known.filter(([path]) => existsSync(path)),
    ...names.sort().map((name) => [join(retired, name), 'laid down by a rotation'] as const),
  ].map(([path, holds]) => ({ path, holds }))
}
