/** Whether what the operator has put before archives is there, and which builds go by way of it. */
import { request } from 'node:http'
import type { Finding } from './doctor.ts'

/** What builds fetch by plain HTTP is got by way of these; node/rebuild's EgressRoutes fit. */
export interface CheckedRoutes {
  readonly proxy?: string
  readonly snapshotArchiveBase?: string
}

const ANSWER_TIMEOUT_MS = 10_000

/** `without`: builders whose steps do not go by way of this node. */
export async function examineRoutes(
  { proxy, snapshotArchiveBase }: CheckedRoutes,
  without: readonly string[],
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const all = [
    ...(proxy === undefined ? [] : [['build.proxy', proxy] as const]),
    ...(snapshotArchiveBase === undefined
      ? []
      : [['build.snapshot_archive_base', snapshotArchiveBase] as const]),
  ]
  if (all.length === 0) return []
  const answered = await Promise.all(
    all.map(async ([key, url]): Promise<Finding> => {
      const reason = await ask(url, signal)
      if (reason === undefined) {
        return { name: 'archives', status: 'ok', detail: `${key}: ${url} answers` }
      }
      return {
        name: 'archives',
        status: 'warn',
        detail: `${key}: ${url} does not answer (${reason})`,
        remedy:
          'start it, or change [build] in config.toml: until then, what builds ask of it fails',
      }
    }),
  )
  if (without.length === 0) return answered
  return [
    ...answered,
    {
      name: 'archives',
      status: 'warn',
      detail: `${all.map(([key]) => key).join(' and ')} change nothing for ${without.join(', ')}: what these fetch does not go by way of this node`,
      remedy: 'set a proxy or mirror up where those builders run',
    },
  ]
}

/** Why nothing answers there; undefined where something does, whatever it says. */
async function ask(url: string, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { method: 'HEAD', timeout: ANSWER_TIMEOUT_MS, signal }
    const asked = request(url, options, (answer) => {
      answer.resume()
      resolve(undefined)
    })
    asked.on('timeout', () => asked.destroy(new Error('timeout')))
    asked.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    asked.end()
  })
}
