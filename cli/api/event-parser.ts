/** Server-sent events from text that comes in arbitrary pieces. */

export interface ServerEvent {
  readonly id: string | undefined
  readonly data: string
}

/** Feeds on chunks and returns the events that each completes; comments are dropped. */
export class EventParser {
  #rest = ''

  push(chunk: string): ServerEvent[] {
    this.#rest += chunk
    const events: ServerEvent[] = []
    for (let end = this.#rest.indexOf('\n\n'); end >= 0; end = this.#rest.indexOf('\n\n')) {
      const lines = this.#rest.slice(0, end).split('\n')
      this.#rest = this.#rest.slice(end + 2)
      const data = field(lines, 'data')
      if (data !== undefined) events.push({ id: field(lines, 'id'), data })
    }
    return events
  }
}

function field(lines: readonly string[], name: string): string | undefined {
  return lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2)
}
