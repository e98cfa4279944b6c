/** The configured webhooks, wired: one guard and one agent for all of them. */
import { AddressGuard } from './image/address-guard.ts'
import { createGuardedAgent, systemResolveHost } from './image/guarded-agent.ts'
import type { Outbox } from './alert/outbox.ts'
import { systemTimers } from './alert/timers.ts'
import { WebhookSink } from './alert/webhook-sink.ts'
import type { Logger } from './logger.ts'

const TIMEOUTS = { connectTimeoutMs: 10_000, headersTimeoutMs: 10_000, bodyTimeoutMs: 10_000 }

export class Webhooks {
  readonly #sinks: readonly WebhookSink[]
  readonly #agent: ReturnType<typeof createGuardedAgent>

  constructor(
    components: { readonly outbox: Outbox; readonly logger: Logger },
    options: { readonly urls: readonly string[]; readonly insecure: readonly string[] },
  ) {
    const guard = new AddressGuard(options.insecure)
    this.#agent = createGuardedAgent(guard, systemResolveHost, TIMEOUTS)
    this.#sinks = options.urls.map(
      (url) =>
        new WebhookSink(
          {
            ...components,
            dispatcher: this.#agent,
            guard,
            timers: systemTimers,
            random: () => Math.random(),
          },
          { url },
        ),
    )
  }

  start(): void {
    for (const sink of this.#sinks) sink.start()
  }

  async stop(): Promise<void> {
    await Promise.all(this.#sinks.map((sink) => sink.stop()))
    await this.#agent.close()
  }
}
