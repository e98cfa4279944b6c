/** Following a project: what it means is shown before anything of it is kept. */
import { ConfigError } from '../config-error.ts'
import type { FollowPreview, FollowRequest, ProjectSummary } from '../http/node-service.ts'
import type { NodeParts } from '../node-parts.ts'
import { BuildError } from '../rebuild/build-error.ts'
import { checkSourceLocation, parseSourceLocation } from '../rebuild/source-location.ts'
import { readProjectText, type FollowedProject } from '../project-files.ts'

export class Following {
  readonly #parts: NodeParts

  constructor(parts: NodeParts) {
    this.#parts = parts
  }

  projects(): readonly ProjectSummary[] {
    return this.#parts.projects.all().map(describeProject)
  }

  async preview(request: FollowRequest): Promise<FollowPreview> {
    const project = readProjectText(request.projectFile, 'project file')
    const { build, trustRecipe } = request
    const engine = await this.#parts.workshop.engineFor(project.recipe.builders)
    const warnings: string[] = []
    if (build && engine === undefined) {
      warnings.push('none of the builders that the recipe allows is on this machine: see doctor')
    }
    if (build && engine?.isolated === false && !trustRecipe) {
      warnings.push(
        'this machine gives builds no isolation: nothing is built without --trust-recipe',
      )
    }
    warnings.push(...(build ? (engine?.warnings ?? []) : []))
    warnings.push(...(await sourceWarnings(project.source, project.insecure)))
    return {
      ...describeProject({
        project,
        build,
        trustRecipe,
        announce: request.announce ?? this.#parts.projects.get(project.image)?.announce ?? false,
        priority: request.priority ?? this.#parts.projects.get(project.image)?.priority ?? 'normal',
      }),
      isolation: engine?.isolation ?? 'none: no builder',
      network:
        project.recipe.network === 'none'
          ? 'none'
          : (project.recipe.egress?.join(', ') ??
            'whatever the builder lets its steps reach, during builds'),
      diskBytes: this.#parts.config.build.diskMb * 1024 * 1024,
      replaces: this.#parts.projects.get(project.image) !== undefined,
      warnings,
    }
  }

  async follow(request: FollowRequest): Promise<ProjectSummary> {
    const { projectFile, ...terms } = request
    const followed = await this.#parts.projects.follow(projectFile, terms)
    this.#parts.reconsider([followed.project.image])
    await this.#parts.network?.sync()
    return describeProject(followed)
  }

  async unfollow(image: string): Promise<void> {
    await this.#parts.projects.unfollow(image)
    for (const item of this.#parts.queue.list()) {
      if (item.image === image && item.state !== 'done') await this.#parts.queue.cancel(item.id)
    }
  }

  /** The followed project, or an error that says how to follow it. */
  required(image: string): FollowedProject {
    const followed = this.#parts.projects.get(image)
    if (followed !== undefined) return followed
    throw new ConfigError(
      'not-followed',
      `${image} is not followed: "rebuildnet follow FILE" adds its project file`,
    )
  }
}

/** Why the source could not be fetched as the project file stands. */
async function sourceWarnings(source: string, insecure: readonly string[]): Promise<string[]> {
  try {
    await checkSourceLocation(parseSourceLocation(source), insecure)
    return []
  } catch (error) {
    if (error instanceof BuildError) return [error.message]
    throw error
  }
}

function describeProject({
  project,
  build,
  trustRecipe,
  priority,
  announce,
}: FollowedProject): ProjectSummary {
  return {
    image: project.image,
    source: project.source,
    platforms: project.platforms,
    announcers: project.announcers,
    builders: project.recipe.builders.map(({ name, version }) =>
      version === undefined ? name : `${name} ${version}`,
    ),
    profile: project.profile,
    build,
    trustRecipe,
    priority,
    insecure: project.insecure,
    announce,
  }
}
