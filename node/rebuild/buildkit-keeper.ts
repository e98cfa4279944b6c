/**
 * Who keeps the daemon of a build by BuildKit, and how one speaks to it.
 *
 * The build is the same whoever does: what is asked, what is made of the answers, what a recipe may
 * not do (buildkit-build.ts). A keeper says how the daemon begins and ends, and by which programs
 * it is reached.
 */
import type { BuilderName } from '../../protocol/recipe.ts'
import type { BuildKitInputs, BuildKitLayout } from './buildkit-commands.ts'
import type { BuildJob } from './builder.ts'
import type { CommandResult } from './command.ts'
import type { Confinement } from './confinement.ts'
import type { PlannedFile } from './planned-command.ts'

export interface KeeperSettings {
  /** Registries that are asked by plain http. */
  readonly plainRegistries: readonly string[]
  /** Whether steps have a network apart from that of the daemon. */
  readonly stepsApart: boolean
}

/** What a keeper starts its daemon in. */
export interface KeeperStage {
  readonly job: BuildJob
  readonly layout: BuildKitLayout
  readonly confinement: Confinement
  /** The whole environment of its programs. */
  readonly environment: Readonly<Record<string, string>>
  /** Runs a command of the keeper's own to its end. Throws BuildError where it fails. */
  readonly command: (
    argv: readonly string[],
    options?: { readonly keepOutput?: boolean },
  ) => Promise<CommandResult>
  /** Aborted once the build is over. */
  readonly ended: AbortSignal
}

export interface KitKeeper {
  /** As recipes name it. */
  readonly name: BuilderName
  /** Where the daemon is, if others keep it. */
  readonly address?: string
  /** `own`: it begins with the build, within its confinement. `contained`: in a container beside it. */
  readonly kind: 'own' | 'contained' | 'elsewhere'
  /** The image, pinned by digest, that the daemon runs from. */
  readonly image?: string
  /** What its programs read beside the source and the system's programs. */
  readonly readable: readonly string[]
  /** Variables of its programs, beside those that every build has. */
  environment(layout: BuildKitLayout): Readonly<Record<string, string>>
  /** What is written before it starts. */
  files(layout: BuildKitLayout, settings: KeeperSettings): readonly PlannedFile[]
  /** The argv that asks the daemon in the words of buildctl. */
  ask(words: readonly string[]): readonly string[]
  /** Throws BuildError where the recipe asks for what it cannot do. */
  build(layout: BuildKitLayout, inputs: BuildKitInputs): readonly string[]
  /** What the daemon calls the build that has been. */
  readReference(layout: BuildKitLayout): Promise<string>
  /** A daemon within the confinement is attended until `ended`; others have started when it returns. */
  start?(stage: KeeperStage): Promise<{ readonly attended?: Promise<CommandResult> }>
  /** Takes away what `start` left outside of the work folder. Never throws. */
  stop?(): Promise<void>
  /** The commands that start and end it, for people. */
  plan(layout: BuildKitLayout): {
    readonly before: readonly (readonly string[])[]
    readonly after: readonly (readonly string[])[]
  }
}
