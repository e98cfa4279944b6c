/** Work that must not overlap: each piece begins when the one before has ended, however it ended. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  /** Answers, or fails, as `work` does when its turn has come. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work)
    this.#last = done.catch(() => undefined)
    return done
  }

  /** Resolves when all that was asked for so far has ended. */
  async ended(): Promise<void> {
    await this.#last
  }
}
