/** Answers from a data folder: `verdict.child.mjs FOLDER`, then lines `{"image": …}`, each answered with its time. */
import { performance } from 'node:perf_hooks'
import { createInterface } from 'node:readline'
import { openOfflineService } from '../../dist/node/node.js'

const [dataFolder] = process.argv.slice(2)
/** Nobody ends a question. */
const never = new globalThis.AbortController().signal
const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
const { service, close } = await openOfflineService(dataFolder)
print('ready')
for await (const line of createInterface({ input: process.stdin })) {
  const { image } = JSON.parse(line)
  const before = performance.now()
  const cpuBefore = cpuNow()
  const { answers } = await service.verdict({ image, platform: 'linux/amd64' }, never)
  const ms = performance.now() - before
  const cpuMs = cpuNow() - cpuBefore
  print({ ms, cpuMs, decision: answers[0]?.decision, reasons: answers[0]?.reasons ?? [] })
}
await close()
process.exit(0)

function cpuNow() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
