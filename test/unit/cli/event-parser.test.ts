import { describe, expect, it } from 'vitest'
import { EventParser } from '../../../cli/api/event-parser.ts'

const STREAM =
  ':\n\nid: r-1\nevent: alert\ndata: {"a":1}\n\n:\n\nid: r-2\nevent: queue\ndata: {"b":"é"}\n\n'
const EVENTS = [
  { id: 'r-1', data: '{"a":1}' },
  { id: 'r-2', data: '{"b":"é"}' },
]

describe('an event stream', () => {
  it('gives its events, without heartbeats', () => {
    expect(new EventParser().push(STREAM)).toEqual(EVENTS)
  })

  it('gives the same however it is cut', () => {
    for (let size = 1; size < STREAM.length; size++) {
      const parser = new EventParser()
      const events = []
      for (let at = 0; at < STREAM.length; at += size) {
        events.push(...parser.push(STREAM.slice(at, at + size)))
      }
      expect(events).toEqual(EVENTS)
    }
  })

  it('gives no event that is not complete', () => {
    expect(new EventParser().push('id: r-1\ndata: {"a":1}\n')).toEqual([])
  })
})
