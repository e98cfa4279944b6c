/**
 * Evidence in one file: what is written into it, and what becomes of one that is brought here.
 *
 * A bundle for an image holds all that the operators of the policy and the announcers said of its
 * project, their cards, and their logs whole. With less, a reader without a network could not tell
 * whether dissent was left out. Whatever comes in goes the way of what peers send, and counts no more.
 */
import { setImmediate as immediate } from 'node:timers/promises'
import { parseBundle, encodeBundle, type Bundle } from '../protocol/bundle.ts'
import type { ImageName, OperatorId } from '../protocol/identifiers.ts'
import { openProof } from '../protocol/log/equivocation.ts'
import { openHead } from '../protocol/log/head.ts'
import { LogError } from '../protocol/log/log-error.ts'
import { openStatement } from '../protocol/open-statement.ts'
import { rulesFor } from '../protocol/policy.ts'
import { StatementError } from '../protocol/statement-error.ts'
import type { SignedStatement } from '../protocol/statement.ts'
import type { Question } from '../protocol/verdict/answer.ts'
import { unixSeconds } from './clock.ts'
import type { BundleReport } from './http/log-summary.ts'
import type { NodeParts } from './node-parts.ts'

/** Statements that are verified without a break. */
const VERIFIED_AT_ONCE = 100

export class Bundles {
  readonly #parts: NodeParts

  constructor(parts: NodeParts) {
    this.#parts = parts
  }

  /** Everything that an answer to these questions stands on here. */
  async export(questions: readonly Question[]): Promise<Uint8Array> {
    const { store, signers, logs, policy, projects } = this.#parts
    const images = new Set<ImageName>()
    for (const { repository } of questions) {
      images.add(repository)
      const { repository: mapped } = rulesFor(policy.policy, repository)
      if (mapped !== undefined) images.add(mapped)
    }
    const named = new Set<OperatorId>([
      ...policy.policy.operators.map(({ id }) => id),
      ...projects
        .all()
        .flatMap(({ project }) => (images.has(project.image) ? project.announcers : [])),
    ])
    const about = await Promise.all([...images].map((image) => store.statements.ofImage(image)))
    const said = about.flat().filter(({ key }) => named.has(signers.operatorOf(key) ?? ''))
    const cards = (await store.statements.cards()).filter(({ body }) => named.has(body.operator))
    const sids = new Set([...said, ...cards].map(({ sid }) => sid))
    const stored = await Promise.all([...sids].map((sid) => store.statements.get(sid)))
    const heads = logs.book.heads().filter(({ origin }) => named.has(origin.operator))
    return encodeBundle({
      questions,
      statements: stored.flatMap((each) => (each === undefined ? [] : [each.bytes])),
      logs: heads.map((head) => ({
        head: head.bytes,
        slots: logs.book.entries(head.origin.text, 0, head.size),
      })),
      proofs: logs.book
        .proofs()
        .filter(({ operator }) => named.has(operator))
        .map(({ bytes }) => bytes),
    })
  }

  /** Takes in what a bundle holds; throws BundleError where it is none, and names what is refused. */
  async import(bytes: Uint8Array): Promise<BundleReport> {
    const bundle = parseBundle(bytes)
    const refused: string[] = []
    const statements = await this.#importStatements(bundle, refused)
    const heads = this.#importLogs(bundle, refused)
    const proofs = this.#importProofs(bundle, refused)
    await this.#parts.logs.commit()
    this.#parts.reconsider(this.#parts.projects.all().map(({ project }) => project.image))
    return { questions: bundle.questions, ...statements, heads, proofs, refused }
  }

  async #importStatements(
    bundle: Bundle,
    refused: string[],
  ): Promise<{ readonly statements: number; readonly known: number }> {
    const { admission, crypto } = this.#parts
    const opened: { readonly statement: SignedStatement; readonly bytes: Uint8Array }[] = []
    for (const [i, bytes] of bundle.statements.entries()) {
      // Whoever asks meanwhile is answered.
      if (i % VERIFIED_AT_ONCE === 0) await immediate()
      try {
        opened.push({ statement: openStatement(bytes, crypto), bytes })
      } catch (error) {
        if (!(error instanceof StatementError)) throw error
        refused.push(`a statement: ${error.message}`)
      }
    }
    let [statements, known] = [0, 0]
    // Cards say whose word the others are; releases what they are about.
    const order = ['operator', 'release', 'commitment', 'rebuild', 'withdrawal']
    opened.sort(
      (a, b) => order.indexOf(a.statement.body.kind) - order.indexOf(b.statement.body.kind),
    )
    for (const { statement, bytes } of opened) {
      const outcome = await admission.accept(statement, bytes)
      if (outcome === 'stored') statements++
      else if (outcome === 'duplicate') known++
      else refused.push(`statement ${statement.sid}: ${outcome}`)
    }
    return { statements, known }
  }

  #importLogs(bundle: Bundle, refused: string[]): number {
    const { logs, crypto, clock } = this.#parts
    let taken = 0
    for (const { head: note, slots } of bundle.logs) {
      try {
        const head = openHead(note, crypto)
        let answer: { readonly kind: string } = logs.book.offerHead(head, unixSeconds(clock))
        if (answer.kind === 'needs-leaves') answer = logs.book.addLeaves(0, slots, head)
        if (['extended', 'newer-time', 'equivocation'].includes(answer.kind)) taken++
        else if (!['known', 'older'].includes(answer.kind)) {
          refused.push(`the head of ${head.origin.text}: ${answer.kind}`)
        }
      } catch (error) {
        if (!(error instanceof LogError)) throw error
        refused.push(`a head: ${error.message}`)
      }
    }
    return taken
  }

  #importProofs(bundle: Bundle, refused: string[]): number {
    const { logs, crypto } = this.#parts
    let taken = 0
    for (const bytes of bundle.proofs) {
      try {
        if (logs.book.addProof(openProof(bytes, crypto))) taken++
      } catch (error) {
        if (!(error instanceof LogError)) throw error
        refused.push(`a proof: ${error.message}`)
      }
    }
    return taken
  }
}
