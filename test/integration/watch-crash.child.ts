/**
 * A node that looks at the tags of a project once, writes down each step of an announcement, and
 * kills itself at one of them. Arguments: data folder, image, file of the steps, step at which it
 * dies (or nothing).
 */
import { appendFileSync } from 'node:fs'
import { Service } from '../../node/service/service.ts'
import { assembleNode, builtAs } from '../support/assembled-node.ts'

const [folder = '', image = '', steps = '', last = ''] = process.argv.slice(2)

function step(name: string): void {
  appendFileSync(steps, `${name}\n`)
  // Not to be caught, and nothing is put in order.
  if (name === last) process.kill(process.pid, 'SIGKILL')
}

const { parts, store, stop } = await assembleNode(folder, async () => builtAs('good'))
const { own } = parts.logs
const keep = own.store.bind(own)
own.store = async (statement, bytes) => {
  if (statement.body.kind !== 'release') return keep(statement, bytes)
  step('signed')
  const outcome = await keep(statement, bytes)
  step('stored')
  return outcome
}
const publish = parts.publish.bind(parts)
parts.publish = async (body) => {
  step('to be announced')
  const sid = await publish(body)
  step('announced')
  return sid
}
const write = store.write.bind(store)
store.write = async (changes, options) => {
  await write(changes, options)
  // Of what is written here only notes are put under the project's name.
  if (changes.some(({ key }) => Buffer.from(key).includes(`${image}\0git `))) step('noted')
}
await new Service(parts).pollWatch(image, new AbortController().signal)
step('done')
await stop()
