/** Who wants to hear what happens in this node. A listener that throws does not stop the others. */
import type { NodeEvent } from './http/node-service.ts'
import type { Logger } from './logger.ts'

export class EventBus {
  readonly #listeners = new Set<(event: NodeEvent) => void>()
  readonly #logger: Logger

  constructor(logger: Logger) {
    this.#logger = logger
  }

  emit(event: NodeEvent): void {
    for (const listener of this.#listeners) {
      try {
        listener(event)
      } catch (error) {
        this.#logger.error({ event: event.type, error: String(error) }, 'a listener broke')
      }
    }
  }

  subscribe(listener: (event: NodeEvent) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }
}
