/**
 * A buildkitd of the node's own, for one build: it starts from nothing and ends with it.
 *
 * It runs inside of the sandbox, so that what it could be made to do it can do to the work folder
 * only. Its steps stay in the build's own control group, where the limits are; a group of their
 * own for each, as runc makes them, would take the account of a killed step away with itself.
 */
import { join } from 'node:path'
import type { BuildKitLayout } from './buildkit-commands.ts'
import { STEPS_NETWORK } from './sandbox.ts'

/** Programs of a local BuildKit; absolute paths. */
export interface BuildKitPrograms {
  readonly buildkitd: string
  readonly buildctl: string
  readonly runc: string
}

/**
 * Stands before runc. Without MKNOD, since without a device group a node of the host's disk would
 * be the host's disk; in no control group but the one that it is in; and in the network that the
 * node made for steps, where there is one and a step would have the daemon's own. What a recipe
 * writes into the file cannot be mistaken for its keys: within a string every quote has a backslash.
 */
const RUNTIME = `#!/bin/sh
set -eu
runc=@runc@ steps=@steps@
previous= bundle=
for word in "$@"; do
  if [ "$previous" = --bundle ]; then bundle=$word; fi
  previous=$word
done
fail() { echo 'OCI runtime: this step cannot be confined' >&2; exit 1; }
if [ -n "$bundle" ]; then
  spec=$bundle/config.json
  sed -i -e 's/"CAP_MKNOD",//g; s/,"CAP_MKNOD"//g; s/"cgroupsPath":"[^"]*",\\{0,1\\}//' "$spec" || fail
  if [ -n "$steps" ] && ! grep -q '{"type":"network"' "$spec"; then
    sed -i -e 's|"namespaces":\\[|&{"type":"network","path":"'"$steps"'"},|' "$spec" || fail
    grep -q '{"type":"network","path":"'"$steps"'"}' "$spec" || fail
  fi
fi
exec "$runc" --rootless=true "$@"
`

/** Shows runc where control groups are, so that it can see that it may not make any. */
export const START = `set -eu
umount -l /sys/fs/cgroup 2> /dev/null || true
if grep -q '^[0-9]*:devices:' /proc/self/cgroup; then
  mount -t tmpfs -o mode=755,size=1m tmpfs /sys/fs/cgroup
  mkdir /sys/fs/cgroup/devices
  mount -t cgroup -o ro,devices cgroup /sys/fs/cgroup/devices
else
  mount -t cgroup2 -o ro cgroup2 /sys/fs/cgroup
fi
exec "$@"
`

const FILES = {
  configuration: 'buildkitd.toml',
  runtime: 'runtime.sh',
  start: 'start.sh',
} as const

/** Relative: a socket's path has room for 107 bytes, and a work folder may be deep. */
const SOCKET = 'run/buildkitd.sock'
/** As the daemon writes it, and as the client does. */
const LISTEN_ADDRESS = `unix://${SOCKET}`
export const LOCAL_ADDRESS = `unix:${SOCKET}`

export interface DaemonSettings {
  readonly snapshotter: 'overlayfs' | 'native'
  /** `host[:port]` that speak plain http. */
  readonly insecureRegistries: readonly string[]
  /** Whether its steps have a network apart. */
  readonly stepsApart: boolean
}

const quote = (text: string): string => JSON.stringify(text)

/** The part of buildkitd.toml that says who speaks plain http. */
export function registryTables(plain: readonly string[]): string {
  return plain.map((host) => `[registry.${quote(host)}]\nhttp = true\ninsecure = true\n`).join('')
}

/** What stands before the program `runc`; `steps`: the file of the network that steps join. */
export function runtimeScript(runc: string, steps: string | undefined): string {
  return RUNTIME.replace('@runc@', runc).replace('@steps@', steps ?? '')
}

/** Files of `layout.configuration`, by name, with their modes. */
export function daemonFiles(
  layout: BuildKitLayout,
  programs: BuildKitPrograms,
  { snapshotter, insecureRegistries, stepsApart }: DaemonSettings,
): readonly { readonly name: string; readonly text: string; readonly mode: number }[] {
  const configuration = `root = ${quote(layout.state)}
[grpc]
address = [${quote(LISTEN_ADDRESS)}]
[worker.containerd]
enabled = false
[worker.oci]
enabled = true
snapshotter = ${quote(snapshotter)}
binary = ${quote(join(layout.configuration, FILES.runtime))}
networkMode = "host"
gc = false
${registryTables(insecureRegistries)}`
  return [
    { name: FILES.configuration, text: configuration, mode: 0o600 },
    {
      name: FILES.runtime,
      text: runtimeScript(programs.runc, stepsApart ? STEPS_NETWORK : undefined),
      mode: 0o700,
    },
    { name: FILES.start, text: START, mode: 0o600 },
  ]
}

export function daemonCommand(
  layout: BuildKitLayout,
  { buildkitd }: BuildKitPrograms,
): readonly string[] {
  const file = (name: string): string => join(layout.configuration, name)
  return ['/bin/sh', file(FILES.start), buildkitd, '--config', file(FILES.configuration)]
}
