/**
 * Why this node does not build a release. An announcement is a hint, and running what it says is
 * running someone's code: everything that the user's own project file fixes is checked here, again,
 * at the moment of building.
 */
import type { Platform } from '../protocol/identifiers.ts'
import { matchesTemplate } from '../protocol/recipe-template.ts'
import type { Release } from '../protocol/release.ts'
import type { SignedStatement } from '../protocol/statement.ts'
import type { NodeParts } from './node-parts.ts'

/** One sentence each; empty where the release would be built for this platform. */
export async function refusals(
  parts: Pick<NodeParts, 'projects' | 'signers' | 'workshop' | 'config' | 'store' | 'tally'>,
  { sid, key, body }: SignedStatement<Release>,
  platform: Platform,
): Promise<readonly string[]> {
  const followed = parts.projects.get(body.image)
  if (followed === undefined) return [`${body.image} is not followed`]
  const { project, build, trustRecipe } = followed
  const found: string[] = []
  if (!build) found.push('the project is followed with --no-build')
  const announcer = parts.signers.operatorOf(key)
  if (announcer === undefined || !project.announcers.includes(announcer)) {
    found.push(`its announcer ${announcer ?? key} is not one that the project file names`)
  }
  if (body.source.repository !== project.source) {
    found.push(`its source ${body.source.repository} is not the project file's`)
  }
  found.push(...matchesTemplate(project, body.recipe))
  if (!project.platforms.includes(platform))
    found.push(`the project file does not name ${platform}`)
  if (!parts.workshop.isNative(platform) && !parts.config.build.emulate) {
    found.push(`${platform} would have to be emulated (config: build.emulate)`)
  }
  const engine = await parts.workshop.engineFor(body.recipe.builders, platform)
  if (engine === undefined) {
    const names = body.recipe.builders.map(({ name }) => name).join(', ')
    found.push(
      `no builder that the recipe allows (${names}) is on this machine: see "rebuildnet doctor"`,
    )
  } else if (!engine.isolated && !trustRecipe) {
    found.push('this machine gives builds no isolation: follow the project with --trust-recipe')
  }
  const withdrawals = await parts.store.statements.withdrawalsOf(sid)
  if (withdrawals.some((withdrawal) => parts.signers.operatorOf(withdrawal.key) === announcer)) {
    found.push('its announcer has withdrawn it')
  }
  return found
}
