/**
 * Builders as config.toml names them: daemons elsewhere, programs in folders of their own, and the
 * operator's own program for everything else. docker/BUILDERS.md.
 */
import { isAbsolute, resolve } from 'node:path'
import { z } from 'zod'
import { isPinnedImage } from '../protocol/recipe.ts'
import type { CommandProgram } from './rebuild/command-contract.ts'
import type { RemoteBuildKit } from './rebuild/buildkit.ts'
import type { DockerOptions } from './rebuild/docker.ts'

export interface BuilderConfig {
  /** Daemons that others keep; none: a BuildKit of this machine, where there is one. */
  readonly buildkit: readonly RemoteBuildKit[]
  /** Folder of buildkitd and buildctl, where they are not in the system's own. */
  readonly buildkitPrograms?: string
  readonly docker?: DockerOptions
  readonly command?: CommandProgram
}

const file = z.string().min(1)
const platform = z.string().regex(/^[a-z0-9]+\/[a-z0-9]+(?:\/[a-z0-9]+)?$/, 'is no platform')

/** Tables of config.toml; not to be set from the environment. */
export const builderTables = {
  buildkit: z
    .array(
      z.strictObject({
        address: z
          .string()
          .regex(
            /^(?:unix:\/\/\/\S+|tcp:\/\/[^\s/]+:[0-9]{1,5})$/,
            'is no unix:///PATH or tcp://HOST:PORT',
          ),
        tls: z
          .strictObject({ ca: file, cert: file, key: file, server_name: file.optional() })
          .optional(),
        platforms: z.array(platform).min(1).optional(),
        image: z.string().refine(isPinnedImage, 'is no image pinned by digest').optional(),
        slots: z.number().int().min(1).max(64).optional(),
      }),
    )
    .optional(),
  builders: z
    .strictObject({
      buildkit: file.refine(isAbsolute, 'is no absolute path').optional(),
      docker: z
        .strictObject({
          host: z
            .string()
            .regex(
              /^(?:unix:\/\/\/\S+|(?:tcp|ssh):\/\/[^\s/]+)$/,
              'is no unix:///PATH, tcp://HOST:PORT or ssh://HOST',
            )
            .optional(),
          buildx: file.refine(isAbsolute, 'is no absolute path').optional(),
        })
        .optional(),
      command: z
        .strictObject({
          path: file.refine(isAbsolute, 'is no absolute path'),
          args: z.array(z.string()).optional(),
          sha256: z.string().regex(/^[0-9a-f]{64}$/, 'is no sha256 in hex'),
          readable: z.array(file.refine(isAbsolute, 'is no absolute path')).optional(),
          own_users: z.boolean().optional(),
        })
        .optional(),
    })
    .optional(),
}

interface ParsedTables {
  readonly buildkit?: z.output<typeof builderTables.buildkit>
  readonly builders?: z.output<typeof builderTables.builders>
}

/** Files are relative to the data folder, so that it may be moved with what it needs. */
export function readBuilders({ buildkit, builders }: ParsedTables, folder: string): BuilderConfig {
  const remotes = (buildkit ?? []).map(
    ({ address, tls, platforms, image, slots }): RemoteBuildKit => ({
      address,
      slots: slots ?? 1,
      ...(platforms === undefined ? {} : { platforms }),
      ...(image === undefined ? {} : { image }),
      ...(tls === undefined
        ? {}
        : {
            tls: {
              ca: resolve(folder, tls.ca),
              cert: resolve(folder, tls.cert),
              key: resolve(folder, tls.key),
              ...(tls.server_name === undefined ? {} : { serverName: tls.server_name }),
            },
          }),
    }),
  )
  const command = builders?.command
  const docker = builders?.docker
  return {
    buildkit: remotes,
    ...(builders?.buildkit === undefined ? {} : { buildkitPrograms: builders.buildkit }),
    ...(docker === undefined
      ? {}
      : {
          docker: {
            ...(docker.host === undefined ? {} : { host: docker.host }),
            ...(docker.buildx === undefined ? {} : { buildx: docker.buildx }),
          },
        }),
    ...(command === undefined
      ? {}
      : {
          command: {
            path: command.path,
            sha256: command.sha256,
            args: command.args ?? [],
            readable: command.readable ?? [],
            ownUsers: command.own_users ?? false,
          },
        }),
  }
}
