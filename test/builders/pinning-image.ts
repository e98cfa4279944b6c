/** A builder whose recipes pin an image, for suites whose recipes are of any builder. */
import type { Builder, BuildJob } from '../../node/rebuild/builder.ts'
import type { BuilderName } from '../../protocol/recipe.ts'

export function pinningImage(
  name: BuilderName,
  image: () => string,
  create: () => Builder,
): Builder {
  const builder = create()
  const pinned = (job: BuildJob): BuildJob => ({
    ...job,
    recipe: { ...job.recipe, builders: [{ name, image: image() }] },
  })
  return {
    name,
    detect: (signal) => builder.detect(signal),
    build: (job, signal) => builder.build(pinned(job), signal),
    plan: (job) => builder.plan(pinned(job)),
  }
}
