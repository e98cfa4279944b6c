/**
 * The answer that a bundle gives under this user's policy and project files, without a store and
 * without a network. How old the evidence is shows by its heads: an old bundle is stale.
 */
import { randomBytes } from 'node:crypto'
import { parseBundle } from '../protocol/bundle.ts'
import type { Crypto } from '../protocol/crypto.ts'
import { openProof } from '../protocol/log/equivocation.ts'
import { openHead } from '../protocol/log/head.ts'
import { LogBook } from '../protocol/log/log-book.ts'
import { createLogView } from '../protocol/log/log-view.ts'
import { openStatement } from '../protocol/open-statement.ts'
import type { OperatorCard } from '../protocol/operator-card.ts'
import type { Policy } from '../protocol/policy.ts'
import type { Project } from '../protocol/project.ts'
import type { SignedStatement } from '../protocol/statement.ts'
import type { Answer } from '../protocol/verdict/answer.ts'
import { decide } from '../protocol/verdict/decide.ts'
import { explainAnswer } from '../protocol/verdict/explain.ts'
import { systemClock, unixSeconds, type Clock } from './clock.ts'
import { nodeCrypto } from './crypto/node-crypto.ts'
import { openDataFolder } from './data-folder.ts'
import type { VerdictReply } from './http/node-service.ts'
import { PolicyFile } from './policy-file.ts'
import { ProjectFiles } from './project-files.ts'
import { combineDecisions } from './service/verdicts.ts'

interface BundleVerdictInput {
  readonly policy: Policy
  readonly projects: readonly Project[]
  readonly clock: Clock
  readonly crypto: Crypto
}

/**
 * One answer for each question that the bundle was made for. Throws BundleError, StatementError or
 * LogError where something in it does not verify: whoever changed one thing may have changed others.
 */
function judgeBundle(bytes: Uint8Array, input: BundleVerdictInput): readonly Answer[] {
  const { policy, projects, clock, crypto } = input
  const bundle = parseBundle(bytes)
  const opened = bundle.statements.map((each) => ({
    statement: openStatement(each, crypto),
    bytes: each,
  }))
  const cards = opened.flatMap(({ statement }) => (isCard(statement) ? [statement] : []))
  const owners = new Set(
    cards.flatMap(({ body }) => body.keys.map((key) => `${body.operator} ${key}`)),
  )
  const book = new LogBook({
    crypto,
    secret: randomBytes(16),
    wants: ({ operator, key }) => owners.has(`${operator} ${key}`),
  })
  const now = unixSeconds(clock)
  for (const { head: note, slots } of bundle.logs) {
    const head = openHead(note, crypto)
    if (book.offerHead(head, now).kind === 'needs-leaves') book.addLeaves(0, slots, head)
  }
  for (const proof of bundle.proofs) book.addProof(openProof(proof, crypto))
  for (const { statement, bytes: each } of opened) book.bodyArrived(statement, each)
  const view = createLogView({ book, cards, operators: policy.operators, now, crypto })
  const statements = opened.map(({ statement }) => statement)
  return bundle.questions.map((question) =>
    decide({ question, statements, projects, policy, now, view, crypto }),
  )
}

/** Judges a bundle by the policy and the project files of a data folder, whether a node has it open or not. */
export async function answerBundle(root: string, bytes: Uint8Array): Promise<VerdictReply> {
  const folder = await openDataFolder(root)
  const { policy } = await PolicyFile.load(folder.policy, nodeCrypto)
  const files = new ProjectFiles(folder.projects)
  await files.load()
  const answers = judgeBundle(bytes, {
    policy,
    projects: files.all().map(({ project }) => project),
    clock: systemClock,
    crypto: nodeCrypto,
  })
  const [first] = answers
  return {
    image: first === undefined ? '' : `${first.image}@${first.digest}`,
    decision: combineDecisions(answers),
    answers,
    explanation: answers.map((answer) =>
      explainAnswer(answer, (id) => policy.operators.find((each) => each.id === id)?.name),
    ),
    warnings: policy.warnings,
  }
}

function isCard(statement: SignedStatement): statement is SignedStatement<OperatorCard> {
  return statement.body.kind === 'operator'
}
