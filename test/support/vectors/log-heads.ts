/** Heads that open, and heads that do not; notes are put together here, apart from `signHead`. */
import { createHash } from 'node:crypto'
import { parseOrigin } from '../../../protocol/log/origin.ts'
import type { LogErrorCode } from '../../../protocol/log/log-error.ts'
import { TestLog } from '../logs.ts'
import {
  makeOperator,
  makeRebuild,
  makeRelease,
  TEST_TIME,
  type TestOperator,
} from '../statements.ts'
import { strictVectors } from './ed25519.ts'

const alice = makeOperator('alice')
const bob = makeOperator('bob')
const log = new TestLog(alice).add(alice.card, makeRebuild(), makeRelease({ operator: alice }))
const second = log.next(alice).add(makeRebuild({ digest: 'other' }))
const empty = new TestLog(alice)

export const validHeads = [
  { name: 'a log of three', log, head: log.head() },
  { name: 'its first leaf alone', log, head: log.head(TEST_TIME, 1), size: 1 },
  { name: 'the log behind it, which seals it', log: second, head: second.head(TEST_TIME + 600) },
  { name: 'an empty log', log: empty, head: empty.head(1) },
  {
    name: 'a full log of 600',
    log: new TestLog(bob).add(bob.card).grow(600),
    head: new TestLog(bob)
      .add(bob.card)
      .grow(600)
      .head(TEST_TIME + 1),
  },
] as const

const text = Buffer.from(log.head().bytes).toString('utf8')
const body = text.slice(0, text.lastIndexOf('\n\n') + 1)
const { origin } = log

/** A timestamped cosignature line, as its specification has it. */
export function cosignatureLine(
  signed: string,
  by: TestOperator = alice,
  { name = origin.text, time = BigInt(TEST_TIME), key = by.key.publicKey, cut = 0 } = {},
): string {
  const hash = createHash('sha256')
    .update(Buffer.concat([Buffer.from(`${name}\n\x04`), Buffer.from(key, 'hex')]))
    .digest()
  const stamp = Buffer.alloc(8)
  stamp.writeBigUInt64BE(time)
  const signature = by.key.sign(Buffer.from(`cosignature/v1\ntime ${time}\n${signed}`))
  const data = Buffer.concat([hash.subarray(0, 4), stamp, signature])
  return `— ${name} ${data.subarray(0, data.length - cut).toString('base64')}\n`
}

const note = (signed: string, ...lines: string[]): string => `${signed}\n${lines.join('')}`
const signed = (changed: string): string => note(changed, cosignatureLine(changed))
/** `body` with another line in the place of line `index`. */
const withLine = (index: number, ...lines: string[]): string =>
  signed(
    body
      .split('\n')
      .toSpliced(index, 1, ...lines)
      .join('\n'),
  )
const withOrigin = (name: string): string => {
  const changed = body.replace(origin.text, name)
  return note(changed, cosignatureLine(changed, alice, { name }))
}
const weakKey = strictVectors.find(({ name }) => name === 'key of small order: 1')?.key ?? ''
const weakOrigin = origin.text.replace(origin.key, weakKey)
const own = cosignatureLine(body)
const card = body.split('\n')[3] ?? ''
const zeros = Buffer.alloc(32).toString('base64')

/** Name, the code that opening must give, and the note. */
export const invalidHeads: readonly (readonly [string, LogErrorCode, string | Uint8Array])[] = [
  ['16 KiB and a byte', 'too-large', text.padEnd(16 * 1024 + 1, 'x')],
  ['nothing', 'note-malformed', ''],
  ['no empty line', 'note-malformed', body],
  ['no signature lines', 'note-malformed', `${body}\n`],
  ['no newline at its end', 'note-malformed', text.slice(0, -1)],
  ['a tab', 'note-malformed', signed(body.replace('card ', 'card\t'))],
  ['not UTF-8', 'note-malformed', Buffer.concat([Buffer.from(text), Buffer.of(0xff)])],
  ['a hyphen before the signature', 'note-malformed', text.replace('— ', '-- ')],
  ['a signature that is not base64', 'note-malformed', note(body, `— ${origin.text} ====\n`)],
  ["another's line that is malformed", 'note-malformed', `${text}— witness.example\n`],
  ['base64 with stray bits', 'note-malformed', `${text}— witness.example AAAAAAB=\n`],
  ["a log of somebody else's making", 'unknown-origin', withOrigin('sum.golang.example/log')],
  ['an operator id too short', 'origin-malformed', withOrigin(origin.text.replace('op1', 'op'))],
  [
    'a key in upper case',
    'origin-malformed',
    withOrigin(origin.text.replace(origin.key, origin.key.toUpperCase())),
  ],
  [
    'a number with a zero before it',
    'origin-malformed',
    withOrigin(origin.text.replace(/0$/, '00')),
  ],
  ['a number beyond all logs', 'origin-malformed', withOrigin(origin.text.replace(/0$/, '65536'))],
  ['another part behind the number', 'origin-malformed', withOrigin(`${origin.text}/0`)],
  ['a size with a sign', 'checkpoint-malformed', withLine(1, '+3')],
  ['a size with a zero before it', 'checkpoint-malformed', withLine(1, '03')],
  ['a root of 31 bytes', 'checkpoint-malformed', withLine(2, Buffer.alloc(31).toString('base64'))],
  ['a root in hex', 'checkpoint-malformed', withLine(2, log.tree.root())],
  ['no card', 'card-line', withLine(3)],
  ['two cards', 'card-line', withLine(3, card, card)],
  ['version 0 of a card', 'card-line', withLine(3, card.replace('card 1', 'card 0'))],
  [
    'a card version beyond 2^53',
    'card-line',
    withLine(3, card.replace('card 1', 'card 9999999999999999')),
  ],
  ['a card with a short sid', 'card-line', withLine(3, card.slice(0, -1))],
  ['an extension of a later version', 'unknown-extension', withLine(3, card, 'witnesses 3')],
  ['more leaves than a log has', 'out-of-range', withLine(1, '65537')],
  ['an empty log with a root of something', 'out-of-range', note(...emptyNote(origin.text, zeros))],
  [
    'an empty log with a log before it',
    'out-of-range',
    note(...emptyNote(origin.text.replace(/0$/, '1'))),
  ],
  ['time 0', 'out-of-range', note(body, cosignatureLine(body, alice, { time: 0n }))],
  [
    'a time beyond the year 9999',
    'out-of-range',
    note(body, cosignatureLine(body, alice, { time: 2n ** 60n })),
  ],
  [
    "another's line alone",
    'unsigned',
    note(body, cosignatureLine(body, bob, { name: 'witness.example' })),
  ],
  [
    'its own key under another name',
    'unsigned',
    note(body, cosignatureLine(body, alice, { name: 'witness.example' })),
  ],
  ["another's key under its name", 'unsigned', note(body, cosignatureLine(body, bob))],
  [
    'two lines by its own key',
    'signature-count',
    note(body, own, cosignatureLine(body, alice, { time: BigInt(TEST_TIME + 1) })),
  ],
  [
    'a key of small order',
    'weak-key',
    note(
      body.replace(origin.text, weakOrigin),
      cosignatureLine(body, alice, { name: weakOrigin, key: weakKey }),
    ),
  ],
  ['another size than was signed', 'bad-signature', text.replace('\n3\n', '\n2\n')],
  ['another time than was signed', 'bad-signature', note(body, retimed())],
  [
    'a signature that was cut',
    'bad-signature',
    note(body, cosignatureLine(body, alice, { cut: 1 })),
  ],
  [
    'a signature by somebody else',
    'bad-signature',
    note(body, cosignatureLine(body, bob, { key: alice.key.publicKey })),
  ],
]

function emptyNote(name: string, root?: string): [string, string] {
  const hash = root ?? createHash('sha256').digest('base64')
  const changed = `${parseOrigin(name).text}\n0\n${hash}\n${card}\n`
  return [changed, cosignatureLine(changed, alice, { name })]
}

function retimed(): string {
  const [dash = '', name = '', encoded = ''] = own.trimEnd().split(' ')
  const data = Buffer.from(encoded, 'base64')
  data.writeUInt32BE(TEST_TIME + 1, 8)
  return `${dash} ${name} ${data.toString('base64')}\n`
}
