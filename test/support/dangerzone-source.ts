/**
 * A source tree of the shape of Dangerzone's: its Dockerfile's kinds of steps in our own words,
 * since theirs is not ours to ship. A real one is read by `rebuildnet project lint`.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { temporaryFolder } from './temporary-store.ts'

const DOCKERFILE = `ARG DEBIAN_IMAGE_DIGEST=sha256:${'b'.repeat(64)}
FROM docker.io/library/debian@\${DEBIAN_IMAGE_DIGEST} AS inner
ARG GVISOR_ARCHIVE_DATE=20260601
ARG DEBIAN_ARCHIVE_DATE=20260609
RUN \\
  --mount=type=cache,target=/var/cache/apt,sharing=locked \\
  --mount=type=cache,target=/var/lib/apt,sharing=locked \\
  --mount=type=bind,source=./helpers/repro-sources-list.sh,target=/usr/local/bin/repro-sources-list.sh \\
  --mount=type=bind,source=./helpers/gvisor.key,target=/tmp/gvisor.key \\
  : "the snapshot's date; by a file's time" && \\
  touch -d \${DEBIAN_ARCHIVE_DATE}Z /etc/apt/sources.list.d/debian.sources && \\
  repro-sources-list.sh && \\
  apt-get update && apt-get upgrade -y && \\
  apt-get install -y --no-install-recommends ca-certificates gnupg && \\
  gpg -o /usr/share/keyrings/gvisor.gpg --dearmor /tmp/gvisor.key && \\
  echo "deb [arch=$(dpkg --print-architecture)] https://storage.googleapis.com/gvisor/releases \${GVISOR_ARCHIVE_DATE} main" > /etc/apt/sources.list.d/gvisor.list && \\
  apt-get update && apt-get install -y --no-install-recommends python3 runsc && \\
  rm -rf /var/log/* /var/cache/ldconfig/aux-cache
RUN addgroup --gid 1000 app
RUN adduser --uid 1000 --ingroup app --disabled-password app && chage -d 99999 app && rm /etc/shadow-
COPY converter/*.py /opt/app/
RUN mkdir -p /new/home && cp -r /etc /usr /new/ && rm /new/etc/resolv.conf
RUN touch -d \${DEBIAN_ARCHIVE_DATE}Z /new/entrypoint.py
FROM scratch
COPY --from=inner /new/ /
USER app
`

export async function dangerzoneSource(): Promise<string> {
  const folder = await temporaryFolder()
  await mkdir(join(folder, 'src'))
  await writeFile(join(folder, 'Dockerfile'), DOCKERFILE)
  return folder
}
