import type { Command } from 'commander'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { parseBase64 } from '../../../protocol/bytes.ts'
import { openStatement } from '../../../protocol/open-statement.ts'
import { describeRootKey } from '../../../protocol/root-key.ts'
import { CliError } from '../../cli-error.ts'
import type { Bind } from '../../command-table.ts'
import { EXIT } from '../../exit-code.ts'
import { TWO_HISTORIES } from '../../terminal/two-histories.ts'
import { cardExpiryFact } from '../../terminal/card-expiry.ts'
import { bad, faint, strong, type Text } from '../../terminal/style.ts'
import { timeWords } from '../../terminal/words.ts'

const TROUBLE = {
  'two-histories': TWO_HISTORIES,
  'two-cards':
    'there are two cards of one version: whoever trusts this operator must pin one, and the root key may be stolen',
  'pin-missing': 'the policy here pins a card that is not here',
} as const

export function defineShow(parent: Command, bind: Bind): void {
  const command = parent
    .command('show')
    .summary('the card in words')
    .description('Shows the own operator card: version, keys, root key, ends of logs.')
  bind(command, async ({ context }) => {
    const { own, known, key } = await context.withNode(async ({ client }) => ({
      own: await client.ownCard(),
      known: (await client.operators()).find(({ self }) => self),
      key: (await client.status()).key,
    }))
    const { body } = openStatement(parseBase64(own.card) ?? new Uint8Array(), nodeCrypto)
    if (body.kind !== 'operator') throw new CliError('file', 'the own card is damaged')
    const revocations = known?.revocations ?? []
    const trouble = known?.trouble ?? null
    const { out } = context
    if (out.json) {
      out.value({ ...body, revocations, trouble, key, earlier: own.earlier.length })
      return EXIT.yes
    }
    const keys = body.keys.map((each): Text => (each === key ? `${each} (this node)` : each))
    out.facts([
      ['operator', strong(body.operator)],
      ['name', body.name],
      ['contact', body.contact === '' ? faint('none') : body.contact],
      ...Object.entries(body.claims).map(([name, value]) => ['claim', `${name}=${value}`] as const),
      ['card', `${body.version}, of ${timeWords(body.issued)}, sha256 ${body.cardDigest}`],
      ['expires', cardExpiryFact(body.expires, Math.floor(Date.now() / 1000))],
      ['root key', describeRootKey(body.rootKey, nodeCrypto)],
      ['signing keys', keys],
      ...revocations.map(
        ({ origin, size }) => ['log ends', `${origin} after ${size} entries`] as const,
      ),
      ...(trouble === null ? [] : [['trouble', bad(TROUBLE[trouble])] as const]),
    ])
    return trouble === null ? EXIT.yes : EXIT.no
  })
}
