/**
 * Questions about images: a reference becomes digests, each digest a question, each question an
 * answer from the local store.
 *
 * A digest that a known release names needs no registry. A tag has to be resolved, and what it
 * resolved to is said.
 */
import { differingInputs } from '../../protocol/differing-inputs.ts'
import type { Digest, ImageName, Platform } from '../../protocol/identifiers.ts'
import { inputWords } from '../../protocol/input-words.ts'
import { parseManifestOrIndex } from '../../protocol/normalize/manifest.ts'
import { rulesFor } from '../../protocol/policy.ts'
import type { Answer, Question } from '../../protocol/verdict/answer.ts'
import { explainAnswer } from '../../protocol/verdict/explain.ts'
import { ConfigError } from '../config-error.ts'
import type { VerdictQuery, VerdictReply } from '../http/node-service.ts'
import { createRegistryClient } from '../image/create-registry-client.ts'
import { ImageError } from '../image/image-error.ts'
import { readPlatform } from '../image/platform-choice.ts'
import { parseReference, repositoryName, type RegistryReference } from '../image/reference.ts'
import { RegistrySource } from '../image/registry-source.ts'
import { divergenceWords } from './divergence-words.ts'
import { KnownManifests } from './known-manifests.ts'
import type { LogStanding } from './log-standing.ts'
import { recordedInputs } from './recorded-inputs.ts'
import type { NodeParts } from '../node-parts.ts'
import { hostPlatform } from '../system/host.ts'

const ALL = 'all'
const SHORT_ID_CHARACTERS = 12
const ATTESTATION = 'unknown/unknown'

export class Verdicts {
  readonly #parts: NodeParts
  readonly #logs: LogStanding
  readonly #manifests: KnownManifests

  constructor(parts: NodeParts, logs: LogStanding) {
    this.#parts = parts
    this.#logs = logs
    this.#manifests = new KnownManifests(parts)
  }

  async verdict(query: VerdictQuery, signal: AbortSignal): Promise<VerdictReply> {
    const { reference, repository, questions } = await this.questions(query, signal)
    const answers = await Promise.all(questions.map((q) => this.#parts.tally.answer(q)))
    const digest = reference.digest ?? questions[0]?.digest
    return {
      image: `${repository}${reference.tag === undefined ? '' : `:${reference.tag}`}@${digest ?? ''}`,
      decision: combineDecisions(answers),
      answers,
      explanation: await Promise.all(answers.map((answer) => this.#explain(answer))),
      logs: this.#logs.operators(this.#images(repository)),
      warnings: this.#parts.policy.policy.warnings,
    }
  }

  /** What an image reference asks: one question for each platform. */
  async questions(
    query: VerdictQuery,
    signal: AbortSignal,
  ): Promise<{
    readonly reference: RegistryReference
    readonly repository: ImageName
    readonly questions: readonly Question[]
  }> {
    const reference = parseReference(query.image)
    if (reference.transport !== 'docker') {
      throw new ConfigError(
        'bad-value',
        `${query.image}: a verdict is about an image in a registry; "rebuildnet normalize" reads local ones`,
      )
    }
    const platform =
      query.platform === undefined || query.platform === ALL
        ? query.platform
        : readPlatform(query.platform)
    const repository = repositoryName(reference)
    const questions =
      (await this.#knownQuestions(repository, reference.digest, platform)) ??
      (await this.#resolve(reference, platform, query.insecure ?? [], signal))
    return { reference, repository, questions }
  }

  /** The image, and the one that the policy maps it to. */
  #images(repository: ImageName): readonly ImageName[] {
    const mapped = rulesFor(this.#parts.policy.policy, repository).repository
    return mapped === undefined ? [repository] : [repository, mapped]
  }

  /** In words, with the files in which those differ who do not agree, where that is known already. */
  async #explain(answer: Answer): Promise<readonly string[]> {
    const { divergences, policy, signers, store } = this.#parts
    const isBad = answer.verdict === 'diverged' || answer.verdict === 'contradicted'
    const found = isBad ? await divergences.of({ ...answer, repository: answer.image }) : []
    const nameOf = (id: string): string | undefined =>
      policy.policy.operators.find((each) => each.id === id)?.name ?? signers.cardOf(id)?.name
    const called = (id: string): string => nameOf(id) ?? `${id.slice(0, SHORT_ID_CHARACTERS)}…`
    return [
      ...explainAnswer(answer, nameOf),
      ...inputWords(differingInputs(await recordedInputs(store, answer)), called),
      ...found.flatMap((each) => divergenceWords(each, called)),
    ]
  }

  /** A manifest that a release here names: no registry is asked. */
  async #knownQuestions(
    repository: ImageName,
    digest: Digest | undefined,
    platform: Platform | undefined,
  ): Promise<readonly Question[] | undefined> {
    if (digest === undefined) return undefined
    const wantedSigners = this.#parts.wanted()
    const found = (await this.#manifests.naming(repository, digest)).filter(({ key }) =>
      wantedSigners.has(this.#parts.signers.operatorOf(key) ?? ''),
    )
    const platforms = new Set(
      found.flatMap(({ body }) =>
        body.kind === 'release'
          ? body.platforms.filter((p) => p.manifestDigest === digest).map((p) => p.platform)
          : [body.platform],
      ),
    )
    if (platforms.size === 0) return undefined
    // A manifest is for one platform: asked for another, it is not what was asked for.
    const wanted = platform === undefined || platform === ALL ? [...platforms] : [platform]
    return wanted.sort().map((each) => ({ repository, digest, platform: each }))
  }

  async #resolve(
    reference: RegistryReference,
    platform: Platform | undefined,
    insecure: readonly string[],
    signal: AbortSignal,
  ): Promise<readonly Question[]> {
    const repository = repositoryName(reference)
    const registry = createRegistryClient(
      { crypto: this.#parts.crypto },
      { insecure: [...insecureHosts(this.#parts, repository), ...insecure] },
    )
    try {
      if (platform === ALL) {
        const root = await registry.getManifest(reference, signal)
        const parsed = parseManifestOrIndex(root.bytes)
        if (parsed.kind === 'index') {
          // Read each through the index, so that descriptor, manifest and config must agree.
          const platforms = parsed.manifests.flatMap(({ platform: p }) => p ?? [])
          const pinned = { ...reference, digest: root.digest }
          const wanted = [...new Set(platforms)].filter((each) => each !== ATTESTATION).sort()
          return await Promise.all(
            wanted.map((each) => this.#ask(registry, pinned, repository, each, signal)),
          )
        }
      }
      const one = platform === ALL ? undefined : (platform ?? hostPlatform())
      return [await this.#ask(registry, reference, repository, one, signal)]
    } catch (error) {
      if (error instanceof ImageError && reference.digest !== undefined && error.transient) {
        // The digest is what was asked about; the registry could only have said what it is for.
        return [{ repository, digest: reference.digest, platform: platform ?? hostPlatform() }]
      }
      throw error
    } finally {
      await registry.close()
    }
  }

  async #ask(
    registry: ReturnType<typeof createRegistryClient>,
    reference: RegistryReference,
    repository: ImageName,
    platform: Platform | undefined,
    signal: AbortSignal,
  ): Promise<Question> {
    const source = new RegistrySource({ crypto: this.#parts.crypto, registry }, reference)
    const image = await source.resolve(platform, signal)
    const digest = image.manifest?.digest
    if (digest === undefined) throw new Error('an image in a registry has a manifest')
    return { repository, digest, platform: image.platform }
  }
}

/** Allow only where every platform is allowed; deny where any is denied. */
export function combineDecisions(answers: readonly Answer[]): Answer['decision'] {
  if (answers.some(({ decision }) => decision === 'deny')) return 'deny'
  return answers.length > 0 && answers.every(({ decision }) => decision === 'allow')
    ? 'allow'
    : 'undecided'
}

/** Hosts that may be plain http or private for one image: the user's, and its project file's. */
export function insecureHosts(
  parts: Pick<NodeParts, 'config' | 'projects'>,
  image: ImageName,
): readonly string[] {
  return [...parts.config.insecure, ...(parts.projects.get(image)?.project.insecure ?? [])]
}
