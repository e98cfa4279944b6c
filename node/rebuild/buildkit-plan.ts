/**
 * What a build by BuildKit would run, for people who want to repeat it by hand: without the sandbox
 * and the limits that the node puts around each command.
 */
import { join } from 'node:path'
import {
  buildKitEnvironment,
  layOutBuildKit,
  policyFile,
  sourcePolicy,
} from './buildkit-commands.ts'
import type { BuildJob } from './builder.ts'
import type { KitKeeper } from './buildkit-keeper.ts'
import { plainRegistries } from './base-images.ts'
import { withEnvironment, writeCommands, type PlannedFile } from './planned-command.ts'

/** The exact commands, one argv each: those that write its files first. */
export function planOf(job: BuildJob, keeper: KitKeeper): readonly (readonly string[])[] {
  const { recipe, platform, sourceDirectory, workDirectory, image, insecureRegistries } = job
  const layout = layOutBuildKit(workDirectory)
  const settings = {
    plainRegistries: plainRegistries([], insecureRegistries),
    stepsApart: keeper.kind !== 'elsewhere',
  }
  const files: readonly PlannedFile[] = [
    { path: policyFile(layout), text: sourcePolicy(image, recipe), mode: 0o600 },
    ...keeper.files(layout, settings),
  ]
  const { before, after } = keeper.plan(layout)
  const { state, run, temporary, home, configuration } = layout
  const build = keeper.build(layout, {
    recipe,
    platform,
    dockerfile: join(sourceDirectory, recipe.dockerfile),
    context: join(sourceDirectory, recipe.context),
  })
  const env = { ...buildKitEnvironment(layout), ...keeper.environment(layout) }
  return [
    ['mkdir', '-p', '-m', '700', state, run, temporary, home, configuration],
    ...writeCommands(files),
    ...before,
    // The socket of a daemon of the node's own is named from the work folder on.
    withEnvironment(env, build, workDirectory),
    ...after,
  ]
}
