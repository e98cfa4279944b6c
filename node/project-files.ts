/**
 * The projects that this user follows, as files in the data folder.
 *
 * The project file is kept as it was given; beside it stands how it is followed. A project file is
 * what lets someone's code run here and someone's word count: it is never taken from the network.
 */
import { mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { parseProject, type Project } from '../protocol/project.ts'
import { ProjectError } from '../protocol/project-error.ts'
import { PRIORITIES, type Priority } from './rebuild/queue-item.ts'
import { writeFileAtomic } from './atomic-file.ts'
import { ConfigError } from './config-error.ts'
import { parseToml } from './toml-file.ts'
import { lineOf } from './toml-place.ts'

export interface FollowedProject {
  readonly project: Project
  /** False: only ask and watch. */
  readonly build: boolean
  /** Build it although this machine gives no isolation. */
  readonly trustRecipe: boolean
  /** Of its rebuilds among those of other projects. */
  readonly priority: Priority
  /** Have this node announce its new releases by itself, by the watch rules of the project file. */
  readonly announce: boolean
}

/** How somebody follows a project, as far as it is theirs to say. */
export type FollowTerms = Pick<FollowedProject, 'build' | 'trustRecipe'> &
  Partial<Pick<FollowedProject, 'priority' | 'announce'>>

const FOLLOW_FORMAT = 1

const followSchema = z.strictObject({
  format: z.literal(FOLLOW_FORMAT),
  build: z.boolean(),
  trustRecipe: z.boolean(),
  // Files from before there were priorities have none.
  priority: z.enum(PRIORITIES).default('normal'),
  announce: z.boolean().default(false),
})

/** Throws ConfigError or ProjectError, which name `where` and the line. */
export function readProjectText(
  text: string,
  where: string,
  options: { readonly template?: boolean } = {},
): Project {
  const value = parseToml(text, where)
  try {
    return parseProject(value, options)
  } catch (error) {
    if (error instanceof ProjectError) throw error.in(where, lineOf(text, error.path))
    throw error
  }
}

export class ProjectFiles {
  readonly #folder: string
  #followed: readonly FollowedProject[] = []

  constructor(folder: string) {
    this.#folder = folder
  }

  async load(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 })
    const names = (await readdir(this.#folder)).filter((name) => name.endsWith('.toml')).sort()
    this.#followed = await Promise.all(names.map((name) => this.#loadOne(name)))
  }

  all(): readonly FollowedProject[] {
    return this.#followed
  }

  get(image: string): FollowedProject | undefined {
    return this.#followed.find(({ project }) => project.image === image)
  }

  async follow(text: string, terms: FollowTerms): Promise<FollowedProject> {
    const project = readProjectText(text, 'project file')
    const path = join(this.#folder, encodeURIComponent(project.image))
    const before = this.get(project.image)
    const priority = terms.priority ?? before?.priority ?? 'normal'
    const announce = terms.announce ?? before?.announce ?? false
    const how = { build: terms.build, trustRecipe: terms.trustRecipe, priority, announce }
    const follow = {
      format: FOLLOW_FORMAT,
      build: how.build,
      trustRecipe: how.trustRecipe,
      // An earlier rebuildnet reads files that say no more than it knows.
      ...(priority === 'normal' ? {} : { priority }),
      ...(announce ? { announce } : {}),
    }
    await writeFileAtomic(`${path}.json`, `${JSON.stringify(follow)}\n`)
    await writeFileAtomic(`${path}.toml`, text)
    await this.load()
    return { project, ...how }
  }

  async unfollow(image: string): Promise<void> {
    if (this.get(image) === undefined) {
      throw new ConfigError('not-followed', `${image} is not followed: see "rebuildnet projects"`)
    }
    const path = join(this.#folder, encodeURIComponent(image))
    await rm(`${path}.toml`, { force: true })
    await rm(`${path}.json`, { force: true })
    await this.load()
  }

  async #loadOne(name: string): Promise<FollowedProject> {
    const path = join(this.#folder, name)
    const project = readProjectText(await readFile(path, 'utf8'), path)
    const followPath = path.replace(/\.toml$/, '.json')
    let value: unknown
    try {
      value = JSON.parse(await readFile(followPath, 'utf8'))
    } catch {
      // A project file that was put here by hand is followed the safe way: nothing is built.
      return { project, build: false, trustRecipe: false, priority: 'normal', announce: false }
    }
    const format = (value as { format?: unknown } | null)?.format
    if (typeof format === 'number' && format > FOLLOW_FORMAT) {
      throw new ConfigError(
        'newer-format',
        `${followPath} is of format ${format}, this rebuildnet reads ${FOLLOW_FORMAT}: update rebuildnet`,
      )
    }
    const follow = followSchema.safeParse(value)
    if (!follow.success) {
      throw new ConfigError(
        'bad-value',
        `${followPath} is damaged: remove it, and follow the project again to have it built`,
      )
    }
    const { build, trustRecipe, priority, announce } = follow.data
    return { project, build, trustRecipe, priority, announce }
  }
}
