/** One decision for an image of several platforms: no platform may be allowed on another's behalf. */
import type { Platform } from '../identifiers.ts'
import type { Answer, Decision, Question } from './answer.ts'
import { decide, type DecideInput } from './decide.ts'

export type QuestionErrorCode =
  /** Two descriptors of one platform: which one would run depends on the runtime. */
  'duplicate-platform' | 'no-platform'

export class QuestionError extends Error {
  override readonly name = 'QuestionError'
  readonly code: QuestionErrorCode
  readonly platform: Platform | undefined

  constructor(code: QuestionErrorCode, platform: Platform | undefined, message: string) {
    super(message)
    this.code = code
    this.platform = platform
  }
}

export interface IndexAnswer {
  readonly decision: Decision
  /** In the order of the questions. */
  readonly answers: readonly Answer[]
}

/** Denied if any platform is, allowed only if all are. */
export function decideIndex(
  questions: readonly Question[],
  input: Omit<DecideInput, 'question'>,
): IndexAnswer {
  if (questions.length === 0) {
    throw new QuestionError('no-platform', undefined, 'the image has no platform to ask about')
  }
  const seen = new Set<Platform>()
  for (const { platform } of questions) {
    if (seen.has(platform)) {
      throw new QuestionError(
        'duplicate-platform',
        platform,
        `the image index has two manifests for ${platform}, so what would run is not determined`,
      )
    }
    seen.add(platform)
  }
  // Read once: the statements may come from an iterator.
  const statements = [...input.statements]
  const answers = questions.map((question) => decide({ ...input, statements, question }))
  return { decision: combine(answers.map(({ decision }) => decision)), answers }
}

function combine(decisions: readonly Decision[]): Decision {
  if (decisions.includes('deny')) return 'deny'
  return decisions.every((decision) => decision === 'allow') ? 'allow' : 'undecided'
}
