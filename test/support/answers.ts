/** Answers as the tally gives them, for tests of what listens to it. */
import type { Answer, Voice } from '../../protocol/verdict/answer.ts'
import { digestOf, hexOf, makeOperator, TEST_IMAGE, TEST_TIME } from './statements.ts'

export function makeVoice(name: string, fields: Partial<Voice> = {}): Voice {
  return {
    operator: makeOperator(name).id,
    name,
    groups: [],
    sids: [hexOf(`rebuild by ${name}`)],
    vote: { kind: 'digest', digest: digestOf('good') },
    ...fields,
  }
}

/** An answer about the image that tests call `good`; `pending` where nothing else is said. */
export function makeAnswer(fields: Partial<Answer> = {}): Answer {
  return {
    image: TEST_IMAGE,
    digest: digestOf('manifest good'),
    platform: 'linux/amd64',
    version: '1.0.0',
    release: hexOf('release'),
    verdict: 'pending',
    decision: 'undecided',
    flags: [],
    freshness: 'off',
    have: 0,
    need: 2,
    supporters: [],
    dissenters: [],
    unreproduced: [],
    absent: [],
    silent: [],
    retracted: [],
    reasons: [`the verdict is ${fields.verdict ?? 'pending'}`],
    policyHash: hexOf('policy'),
    asOf: TEST_TIME,
    ...fields,
  }
}
