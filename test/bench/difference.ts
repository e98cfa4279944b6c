/** What goes over the wire until two nodes that differ by a few statements have the same. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { startChild } from './children.ts'
import { startCountingProxy } from './counting-proxy.ts'
import { stateOf, untilStored } from './first-sync.ts'
import { figure, folder, heading } from './report.ts'
import { addReleases, copyFolder, scaleFolder } from './scale-store.ts'

const MORE = 100

export async function benchDifference(size: number): Promise<void> {
  const from = await scaleFolder(size)
  const [more, fewer] = [join(folder, 'more'), join(folder, 'fewer')]
  await copyFolder(from, more, size)
  await copyFolder(from, fewer, size)
  await addReleases(more, MORE)
  heading(`difference: two nodes with ${size} statements, one with ${MORE} more`)
  const server = startChild('node.child.mjs', [more])
  const { address } = await server.next<{ address: string }>()
  const target = Number(/\/tcp\/([0-9]+)/.exec(address)?.[1])
  const proxy = await startCountingProxy(target)
  const client = startChild('node.child.mjs', [
    fewer,
    address.replace(`/tcp/${target}`, `/tcp/${proxy.port}`),
  ])
  await client.next()
  const { statements } = await stateOf(server)
  await untilStored(client, statements)
  const bytes = proxy.bytes()
  await client.stop()
  await server.stop()
  proxy.close()
  await rm(more, { recursive: true })
  await rm(fewer, { recursive: true })
  figure('moved, connection and all', bytes / 1000, 'kB')
  figure('moved for each statement', bytes / MORE, 'bytes')
}
