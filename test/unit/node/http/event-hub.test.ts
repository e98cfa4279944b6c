import { describe, expect, it } from 'vitest'
import { EventHub } from '../../../../node/http/event-hub.ts'
import { makeAlert, MemoryService } from '../../../support/memory-service.ts'

function startHub(options: { maxRemembered?: number; maxRememberedBytes?: number } = {}) {
  const service = new MemoryService()
  const hub = new EventHub({ service, run: 'run' }, options)
  hub.start()
  // Somebody listens for a moment, and may come back.
  hub.listen(() => undefined)()
  const emit = (id: string) => service.emit({ type: 'alert', data: makeAlert({ id }) })
  return { service, hub, emit }
}

const idsOf = (frames: readonly { text: string }[]) =>
  frames.map((frame) => /^id: (\S+)$/m.exec(frame.text)?.[1])

describe('what a listener missed', () => {
  it('is nothing for one that never listened', () => {
    const { hub, emit } = startHub()
    emit('one')
    expect(hub.since(undefined)).toEqual([])
  })

  it('is what came after the last id it saw', () => {
    const { hub, emit } = startHub()
    for (const id of ['one', 'two', 'three']) emit(id)
    expect(idsOf(hub.since('run-1'))).toEqual(['run-2', 'run-3'])
    expect(hub.since('run-3')).toEqual([])
  })

  it('is a reset where some of it is no longer known', () => {
    const { hub, emit } = startHub({ maxRemembered: 2 })
    const leave = hub.listen(() => undefined)
    for (const id of ['one', 'two']) emit(id)
    leave()
    for (const id of ['three', 'four']) emit(id)
    expect(idsOf(hub.since('run-2'))).toEqual(['run-3', 'run-4'])
    expect(hub.since('run-1').map((frame) => frame.type)).toEqual(['reset'])
  })

  it.each(['other-1', 'run-9', 'run-', 'run-1x', 'run-1e9', ''])(
    'is a reset for the id %j, which is none of this run',
    (id) => {
      const { hub, emit } = startHub()
      emit('one')
      expect(hub.since(id).map((frame) => frame.type)).toEqual(['reset'])
    },
  )

  it('continues from a reset', () => {
    const { hub, emit } = startHub()
    emit('one')
    const [id] = idsOf(hub.since('gone-1'))
    emit('two')
    expect(idsOf(hub.since(id))).toEqual(['run-2'])
  })
})

describe('memory', () => {
  it('is bounded in bytes, however large one event is', () => {
    const { hub, service } = startHub({ maxRememberedBytes: 10_000 })
    for (let index = 0; index < 5; index++) {
      service.emit({ type: 'alert', data: makeAlert({ reasons: ['x'.repeat(6_000)] }) })
    }
    expect(idsOf(hub.since('run-4'))).toEqual(['run-5'])
    expect(hub.since('run-3').map((frame) => frame.type)).toEqual(['reset'])
  })

  it('holds nothing that nobody can ask for, nor is it encoded', () => {
    const { hub, service, emit } = startHub({ maxRemembered: 2 })
    emit('one')
    const looked: string[] = []
    for (const id of ['two', 'three', 'four', 'five']) {
      service.emit({
        type: 'alert',
        get data() {
          looked.push(id)
          return makeAlert({ id })
        },
      })
    }
    // Whoever saw the one before the first is told of two more at most.
    expect(looked).toEqual(['two'])
    expect(hub.since('run-0').map((frame) => frame.type)).toEqual(['reset'])
    const heard: (string | undefined)[] = []
    hub.listen((frame) => heard.push(...idsOf([frame])))
    emit('six')
    emit('seven')
    expect(heard).toEqual(['run-6', 'run-7'])
    expect(idsOf(hub.since('run-6'))).toEqual(['run-7'])
    expect(hub.since('run-4').map((frame) => frame.type)).toEqual(['reset'])
  })

  it('is given back to the node on stop', () => {
    const { hub, service } = startHub()
    hub.listen(() => undefined)
    hub.stop()
    expect(service.listeners).toBe(0)
  })
})
