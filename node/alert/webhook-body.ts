/** What a webhook is sent. README.md of this folder shows it; a change of meaning raises the format. */
import type { Alert } from './alert.ts'
import type { Delivery } from './outbox.ts'

const WEBHOOK_FORMAT = 1

export type WebhookBody =
  | {
      readonly format: typeof WEBHOOK_FORMAT
      readonly event: 'alert.began' | 'alert.ended'
      readonly delivery: string
      readonly alert: Alert
    }
  | {
      readonly format: typeof WEBHOOK_FORMAT
      readonly event: 'test'
      readonly delivery: string
      readonly message: string
    }

/** The same for every attempt of one delivery. */
export function webhookBodyOf({ id, event }: Delivery): WebhookBody {
  const { type, alert } = event
  return { format: WEBHOOK_FORMAT, event: `alert.${type}`, delivery: id, alert }
}

export function testBody(id: string): WebhookBody {
  return {
    format: WEBHOOK_FORMAT,
    event: 'test',
    delivery: id,
    message: 'This is a test of alerts from rebuildnet. Nothing is wrong.',
  }
}
