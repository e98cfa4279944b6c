/** What is wrong with commitments, and with what releases and rebuilds say of them. */
import { hexOf } from '../statements.ts'
import { changePredicate, changeStatement, type Changes } from './change-statement.ts'
import type { InvalidRow } from './invalid-row.ts'
import { blind, commitment, completion, listing, reveal } from './valid-statements.ts'

const promised = (changes: Changes): Uint8Array => changePredicate(commitment, changes)
const revealed = (changes: Changes): Uint8Array => changePredicate(reveal, changes)
const listed = (changes: Changes): Uint8Array => changePredicate(listing, changes)
const [log] = listing.statement.body.logs ?? []
const many = (count: number): string[] =>
  Array.from({ length: count }, (_, i) => hexOf(`commitment ${i}`)).sort()
const logs = (count: number): unknown[] =>
  Array.from({ length: count }, (_, i) => ({
    ...log,
    origin: log?.origin.replace(/0$/, `${i + 10}`),
  }))

export const invalidCommitments: readonly InvalidRow[] = [
  ['commitment without a hash', 'missing-field', promised({ hash: undefined })],
  ['commitment with a short hash', 'not-canonical', promised({ hash: 'ab' })],
  ['commitment under an unknown profile', 'unknown-profile', promised({ profile: 'other/1' })],
  ['commitment of a negative time', 'out-of-range', promised({ committed: -1 })],
  [
    'commitment with another release than its subject',
    'subject-mismatch',
    changeStatement(commitment, { 'subject.0.digest.rebuildnetSid': hexOf('other') }),
  ],
  ['reveal without a salt', 'missing-field', revealed({ 'reveals.salt': undefined })],
  ['reveal with a short salt', 'not-canonical', revealed({ 'reveals.salt': 'ab' })],
  ['reveal of no statement', 'not-canonical', revealed({ 'reveals.commitment': 'ab' })],
  ['empty list of commitments before', 'not-canonical', revealed({ after: [] })],
  ['commitment named twice', 'not-sorted', revealed({ after: [hexOf('a'), hexOf('a')] })],
  ['65 commitments before', 'too-long', revealed({ after: many(65) })],
  [
    'completion of a blind release',
    'inconsistent',
    changePredicate(reveal, { completes: hexOf('another result') }),
  ],
  [
    'completion of no statement',
    'not-canonical',
    changePredicate(completion, { completes: 'the one before' }),
  ],
  ['logs of a blind release', 'inconsistent', changePredicate(blind, { logs: [log] })],
  ['empty list of logs', 'not-canonical', listed({ logs: [] })],
  ['log of another system', 'not-canonical', listed({ 'logs.0.origin': 'example.org/log' })],
  ['log of size 0', 'out-of-range', listed({ 'logs.0.size': 0 })],
  ['log over its size', 'out-of-range', listed({ 'logs.0.size': 65_537 })],
  ['log with a short root', 'not-canonical', listed({ 'logs.0.root': 'ab' })],
  ['log listed twice', 'not-sorted', listed({ logs: [log, log] })],
  ['49 logs', 'too-long', listed({ logs: logs(49) })],
]
