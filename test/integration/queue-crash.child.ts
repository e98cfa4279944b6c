/**
 * A node that rebuilds what waits in its queue, writes down each step that it takes, and kills itself
 * at one of them. Arguments: data folder, file of the steps, step at which it dies (or nothing).
 */
import { appendFileSync } from 'node:fs'
import { assembleNode, builtAs } from '../support/assembled-node.ts'

const [folder = '', steps = '', last = ''] = process.argv.slice(2)

function step(name: string): void {
  appendFileSync(steps, `${name}\n`)
  // Not to be caught, and nothing is put in order.
  if (name === last) process.kill(process.pid, 'SIGKILL')
}

let builds = 0
const { parts, stop } = await assembleNode(folder, async () => {
  const n = `build ${parts.queue.list()[0]?.stage === 'rebuild' ? 2 : 1}`
  builds++
  step(`${n} begins`)
  await new Promise((resolve) => setImmediate(resolve))
  step(`${n} ended`)
  return builtAs('bad')
})
const { journal } = parts
const keep = journal.keep.bind(journal)
journal.keep = async (subject, kept) => {
  await keep(subject, kept)
  step(`${kept.builds.length} kept`)
}
const drop = journal.drop.bind(journal)
journal.drop = async (id) => {
  await drop(id)
  step('dropped')
}
const publish = parts.publish.bind(parts)
parts.publish = async (body) => {
  step('to be published')
  const sid = await publish(body)
  step('published')
  return sid
}
await parts.enqueueKnown()
const done = new Promise<void>((resolve) => {
  parts.subscribe(({ type, data }) => {
    if (type === 'queue' && data.state === 'done') resolve()
  })
})
await parts.queue.start()
await done
step(`done with ${builds} builds`)
await stop()
