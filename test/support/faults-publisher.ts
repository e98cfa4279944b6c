/**
 * A node that publishes as fast as it can over its API, and a list of what it has acknowledged: the
 * sids of replies that arrived whole.
 */
import { join } from 'node:path'
import type { ApiClient } from '../../cli/api/api-client.ts'
import { CliError } from '../../cli/cli-error.ts'
import { makeRelease, TEST_IMAGE } from './statements.ts'
import { putStatements, type NodeFolder } from './real-node.ts'
import { createSmallProject } from './small-project.ts'

/** A repository whose one commit may be announced. */
export async function makeSource(
  folder: string,
): Promise<{ readonly repository: string; readonly commit: string }> {
  const repository = join(folder, 'source')
  const { main } = await createSmallProject(repository, 'scratch', { main: ['COPY . /'] })
  return { repository, commit: main }
}

/** Puts releases of its own into the folder, to be withdrawn one by one: the quickest publication. */
export async function putReleases(folder: NodeFolder, count: number): Promise<string[]> {
  const releases = Array.from({ length: count }, (_, i) =>
    makeRelease({ operator: folder.operator, version: `early.${i}` }),
  )
  await putStatements(folder, ...releases)
  return releases.map(({ statement }) => statement.sid)
}

export class Publisher {
  readonly acknowledged: string[] = []
  readonly #client: ApiClient
  readonly #commit: string
  /** Releases that are not withdrawn, as far as is known. */
  readonly #pool: string[]

  constructor(client: ApiClient, commit: string, pool: readonly string[]) {
    this.#client = client
    this.#commit = commit
    this.#pool = [...pool].reverse()
  }

  async announce(version: string): Promise<void> {
    const { sid } = await this.#client.announce({
      image: TEST_IMAGE,
      version,
      commit: this.#commit,
    })
    this.acknowledged.push(sid)
    this.#pool.push(sid)
  }

  /** False where nothing is left to withdraw. */
  async withdraw(): Promise<boolean> {
    const sid = this.#pool.pop()
    if (sid === undefined) return false
    const { sid: withdrawal } = await this.#client.withdraw(sid, 'to see what becomes of it')
    this.acknowledged.push(withdrawal)
    return true
  }

  /** Publishes from four sides at once until the node is gone; other failures are thrown. */
  async untilGone(prefix: string, onAcknowledged: () => void): Promise<void> {
    const announcing = async (): Promise<void> => {
      for (let i = 0; ; i++) {
        await this.announce(`${prefix}.${i}`)
        onAcknowledged()
      }
    }
    const withdrawing = async (): Promise<void> => {
      while (await this.withdraw()) onAcknowledged()
    }
    const sides = [announcing(), withdrawing(), withdrawing(), withdrawing()]
    const results = await Promise.allSettled(sides)
    for (const result of results) {
      if (result.status === 'rejected' && !isGone(result.reason)) throw result.reason as Error
    }
  }
}

function isGone(error: unknown): boolean {
  return error instanceof CliError && error.code === 'connection-lost'
}
