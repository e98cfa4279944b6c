/**
 * Podman, in two ways. A recipe that pins an image of BuildKit has it run in a container; another one is
 * built by `podman build`, which is buildah's engine.
 */
import { BuildError } from './build-error.ts'
import { Buildah } from './buildah.ts'
import type { Builder, BuildJob, BuildResult, DetectedBuilder } from './builder.ts'
import { BuildKitBuild } from './buildkit-build.ts'
import { planOf } from './buildkit-plan.ts'
import { buildFromCold } from './cold-build.ts'
import { isIsolated } from './isolation.ts'
import { PodmanKeeper } from './podman-keeper.ts'
import { probeSandbox } from './sandbox-probe.ts'
import { canOverlay } from './storage.ts'

export class Podman implements Builder {
  readonly name = 'podman'
  readonly #engine = new Buildah('podman')

  async detect(signal: AbortSignal): Promise<DetectedBuilder | undefined> {
    const detected = await this.#engine.detect(signal)
    return detected === undefined ? undefined : { ...detected, images: 'any' }
  }

  async build(job: BuildJob, signal: AbortSignal): Promise<BuildResult> {
    const image = imageOf(job)
    if (image === undefined) return this.#engine.build(job, signal)
    return buildFromCold(job, async (cold, log) => {
      const features = await probeSandbox()
      if (!isIsolated(features)) {
        throw new BuildError(
          'builder-missing',
          'BuildKit in a container of Podman needs root on Linux, with namespaces',
        )
      }
      const keeper = new PodmanKeeper(
        image,
        (await canOverlay(cold.workDirectory)) ? 'overlay' : 'vfs',
      )
      return new BuildKitBuild(cold, { keeper, features, log }, signal).run()
    })
  }

  plan(job: BuildJob): readonly (readonly string[])[] {
    const image = imageOf(job)
    return image === undefined
      ? this.#engine.plan(job)
      : planOf(job, new PodmanKeeper(image, 'overlay'))
  }
}

function imageOf({ recipe }: BuildJob): string | undefined {
  return recipe.builders.find(({ name }) => name === 'podman')?.image
}
