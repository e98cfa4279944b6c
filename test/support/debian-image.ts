/** A project modelled on a real one: a Debian base, packages from the mirror, cleaned-up leftovers. */
import { execFile } from 'node:child_process'
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

const EPOCH = '1700000000'

/** The base: a minimal Debian made by mmdebstrap, as a Dockerfile that adds its tar. */
export async function createDebianBase(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true })
  await run(
    'mmdebstrap',
    [
      '--mode=root',
      '--variant=minbase',
      '--aptopt=APT::Install-Recommends "false"',
      'bookworm',
      join(folder, 'base.tar'),
    ],
    { env: { ...process.env, SOURCE_DATE_EPOCH: EPOCH }, maxBuffer: 64 * 1024 * 1024 },
  )
  await writeFile(join(folder, 'Dockerfile'), 'FROM scratch\nADD base.tar /\nCMD ["/bin/sh"]\n')
}

/** Everything that would differ between two builds is removed where it comes into being. */
const DOCKERFILE = (base: string): string => `FROM ${base}
ARG SOURCE_DATE_EPOCH
ENV DEBIAN_FRONTEND=noninteractive PYTHONDONTWRITEBYTECODE=1
RUN apt-get update \\
 && apt-get install -y --no-install-recommends python3-minimal libmagic1 libexpat1 tzdata \\
 && apt-get clean \\
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*.bin /var/cache/ldconfig/aux-cache \\
      /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/*.log /var/log/apt
RUN adduser --disabled-password --gecos '' --uid 1000 user \\
 && chage -d 19600 user \\
 && rm -f /etc/shadow- /etc/passwd- /etc/group- /etc/gshadow- /etc/subuid- /etc/subgid- /var/log/*.log
COPY app /opt/app
RUN chmod -R u=rwX,go=rX /opt/app && python3 /opt/app/main.py --version > /opt/app/VERSION
USER user
ENTRYPOINT ["python3", "/opt/app/main.py"]
`

const MAIN = `import sys

VERSION = "1.0.0"

if __name__ == "__main__":
    print(VERSION if "--version" in sys.argv else "converted")
`

/** A git repository with the project at one commit; returns the commit. */
export async function createDebianProject(folder: string, base: string): Promise<string> {
  await mkdir(join(folder, 'app'), { recursive: true })
  await writeFile(join(folder, 'Dockerfile'), DOCKERFILE(base))
  await writeFile(join(folder, 'app', 'main.py'), MAIN)
  await chmod(join(folder, 'app', 'main.py'), 0o755)
  const git = async (...args: string[]): Promise<string> => {
    const { stdout } = await run('git', ['-C', folder, ...args], {
      env: {
        PATH: process.env.PATH,
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_CONFIG_NOSYSTEM: '1',
        GIT_AUTHOR_NAME: 'test',
        GIT_AUTHOR_EMAIL: 'test@example.org',
        GIT_COMMITTER_NAME: 'test',
        GIT_COMMITTER_EMAIL: 'test@example.org',
      },
    })
    return stdout.trim()
  }
  await git('init', '--quiet', '--initial-branch=main')
  await git('add', '--all')
  await git('commit', '--quiet', '--message', 'Release 1.0.0')
  return git('rev-parse', 'HEAD')
}

/** A line of a file that a Debian package brought, and what an attacker writes in its place. */
export const PACKAGE_FILE = {
  path: 'etc/adduser.conf',
  original: 'DSHELL=/bin/bash',
  altered: 'DSHELL=/bin/evil',
}
