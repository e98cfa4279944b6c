/**
 * A whole node, as it is installed. `node.child.mjs FOLDER [BOOTSTRAP]` prints how long it took to start
 * and where it listens; then answers lines: `"status"`, and `{"image": …}` with the time that a verdict takes.
 */
import { performance } from 'node:perf_hooks'
const began = performance.now()
const { createInterface } = await import('node:readline')
const { startNode } = await import('../../dist/node/node.js')

const [dataFolder, bootstrap] = process.argv.slice(2)
/** Nobody ends a question. */
const never = new globalThis.AbortController().signal
const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`)
const node = await startNode({
  dataFolder,
  flags: {
    listen: ['/ip4/127.0.0.1/tcp/0'],
    bootstrap: bootstrap === undefined ? [] : [bootstrap],
    mdns: false,
    network: 'bench',
    sync_interval: '10s',
    log_level: 'silent',
  },
})
const started = performance.now() - began
const { listen } = await node.service.status()
print({ startMs: started, address: listen[0], rssBytes: process.memoryUsage.rss() })
for await (const line of createInterface({ input: process.stdin })) {
  const asked = JSON.parse(line)
  if (asked === 'status') {
    const { statements } = await node.service.status()
    print({ statements, cpuMs: cpuMs(), rssBytes: process.memoryUsage.rss(), at: Date.now() })
    continue
  }
  const before = performance.now()
  const reply = await node.service.verdict({ image: asked.image, platform: 'linux/amd64' }, never)
  const ms = performance.now() - before
  const [answer] = reply.answers
  print({ ms, decision: answer?.decision, reasons: answer?.reasons })
}
await node.stop()
process.exit(0)

function cpuMs() {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}
