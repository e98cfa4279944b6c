/**
 * The project that the demo releases: a git repository with a Dockerfile that truly builds, and the
 * three releases of it: an honest one, one that is tampered with on its way to the registry, and
 * one whose recipe embeds randomness.
 */
import { execFile } from 'node:child_process'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const START = `#!/bin/sh
# Greets whoever starts the image.
echo "hello from $(cat /usr/share/demo/version)"
`

/** What the tampered image says instead, as long as the original, and where. */
export const ORIGINAL_LINE = 'echo "hello from'
export const TAMPERED_LINE = 'echo "pwned from'
export const TAMPERED_PATH = 'usr/local/bin/start'

const dockerfile = (base: string, extra: readonly string[]): string =>
  [
    `FROM ${base}`,
    'ARG GREETING',
    'COPY app/start.sh /usr/local/bin/start',
    'COPY app/VERSION /usr/share/demo/version',
    'RUN chmod 755 /usr/local/bin/start && mkdir -p /etc/demo && echo "$GREETING" > /etc/demo/greeting',
    'RUN for i in $(seq 1 200); do echo "line $i" | sha256sum; done > /usr/share/demo/table.txt',
    ...extra,
    'USER 1000:1000',
    'ENTRYPOINT ["/usr/local/bin/start"]',
    '',
  ].join('\n')

export interface DemoRelease {
  readonly version: string
  readonly commit: string
  readonly kind: 'honest' | 'tampered' | 'random'
}

/** Makes the repository with one commit a release, oldest first. */
export async function createDemoRepository(
  folder: string,
  base: string,
): Promise<readonly DemoRelease[]> {
  const git = async (...args: string[]): Promise<string> => {
    const { stdout } = await run('git', ['-C', folder, ...args], {
      env: {
        PATH: process.env.PATH,
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_AUTHOR_NAME: 'demo',
        GIT_AUTHOR_EMAIL: 'demo@example.org',
        GIT_COMMITTER_NAME: 'demo',
        GIT_COMMITTER_EMAIL: 'demo@example.org',
      },
    })
    return stdout.trim()
  }
  await mkdir(join(folder, 'app'), { recursive: true })
  await git('init', '--quiet', '--initial-branch=main')
  const releases: DemoRelease[] = []
  const plan = [
    { version: '1.0.0', kind: 'honest', extra: [] },
    { version: '1.1.0', kind: 'tampered', extra: [] },
    {
      version: '1.2.0',
      kind: 'random',
      extra: ['RUN head -c 16 /dev/urandom | sha256sum > /etc/demo/installation-id'],
    },
  ] as const
  for (const { version, kind, extra } of plan) {
    await writeFile(join(folder, 'Dockerfile'), dockerfile(base, extra))
    await writeFile(join(folder, 'app', 'start.sh'), START)
    await chmod(join(folder, 'app', 'start.sh'), 0o755)
    await writeFile(join(folder, 'app', 'VERSION'), `${version}\n`)
    await git('add', '--all')
    await git('commit', '--quiet', '--message', `Release ${version}`)
    await git('tag', `v${version}`)
    releases.push({ version, kind, commit: await git('rev-parse', 'HEAD') })
  }
  return releases
}

/** The project file that every node of the demo follows. */
export function demoProjectFile(options: {
  readonly image: string
  readonly repository: string
  readonly announcer: string
  readonly insecure: readonly string[]
  readonly platform: string
}): string {
  return `format = 1
image = ${JSON.stringify(options.image)}
platforms = [${JSON.stringify(options.platform)}]
source = ${JSON.stringify(options.repository)}
announcers = [${JSON.stringify(options.announcer)}]
profile = "rebuildnet/1"
insecure = ${JSON.stringify(options.insecure)}

[recipe]
dockerfile = "Dockerfile"
context = "."
source_date_epoch = "commit"
network = "none"

[[recipe.builders]]
name = "buildah"

[recipe.build_args]
GREETING = "reproduced is not benign"
`
}
