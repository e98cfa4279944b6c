/**
 * Requests and their answers, within the limits: the client's half of the format. Answers come in the
 * order of the requests, one after the other.
 */
import type { ListType, More, SyncAnswer } from './answers.ts'
import { MORE, parseAnswer } from './answers.ts'
import { MAX_FRAMES_PER_ANSWER, MAX_ROUNDS } from './limits.ts'
import { encodeRequest, type SyncRequest } from './requests.ts'
import type { ClientRun, ReceiveStep } from './steps.ts'
import { malformed, SyncError } from './sync-error.ts'

type AnswerOf<Type extends SyncAnswer['type']> = Extract<
  SyncAnswer,
  { readonly type: Type extends ListType ? ListType : Type }
>

/** Ends an exchange in which everything was in order: what is left needs another one. */
export class OutOfRounds extends Error {
  override readonly name = 'OutOfRounds'
}

export class Conversation {
  #rounds = 0
  /** Of the answer that is coming. */
  #frames = 0;

  /** Throws OutOfRounds. */
  *ask(request: SyncRequest): ClientRun {
    if (this.#rounds === MAX_ROUNDS) throw new OutOfRounds()
    this.#rounds++
    yield { type: 'send', frame: encodeRequest(request) }
  }

  /** The next frame of an answer of these types. */
  *frame<Type extends SyncAnswer['type']>(...types: readonly Type[]): ClientRun<AnswerOf<Type>> {
    const step: ReceiveStep = { type: 'receive' }
    yield step
    // Not a lie: the peer may be stopping.
    if (step.frame === undefined) throw new SyncError('ended', 'the peer hung up')
    if (++this.#frames > MAX_FRAMES_PER_ANSWER) throw malformed('an answer of too many frames')
    const answer = parseAnswer(step.frame)
    if (answer.type === 'error') {
      throw answer.code === 'busy' || answer.code === 'unavailable'
        ? new SyncError('busy', `the peer cannot answer now (${answer.code})`)
        : new SyncError('refused', `the peer refused (${answer.code})`)
    }
    if (!types.includes(answer.type as Type)) throw malformed('something else than was asked for')
    if (!('more' in answer) || answer.more !== MORE.inNextFrame) this.#frames = 0
    return answer as AnswerOf<Type>
  }

  /**
   * The frames of an answer, each handed to `each`, which says how many new things were in it. True
   * where the answer was cut, which an answer with nothing in it may not be.
   */
  *frames<Type extends 'rows' | 'leaves' | ListType>(
    type: Type,
    each: (answer: AnswerOf<Type>) => ClientRun<number> | number,
  ): ClientRun<boolean> {
    let things = 0
    for (;;) {
      const answer = yield* this.frame(type)
      const found = each(answer)
      things += typeof found === 'number' ? found : yield* found
      const { more } = answer as { readonly more: More }
      if (more === MORE.none) return false
      if (more === MORE.askAgain) {
        if (things === 0) throw malformed('an empty answer that goes on')
        return true
      }
    }
  }
}
