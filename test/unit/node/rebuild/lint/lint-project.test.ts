import { describe, expect, it } from 'vitest'
import { readProjectText } from '../../../../../node/project-files.ts'
import { LINT_CODES, type Finding } from '../../../../../node/rebuild/lint/finding.ts'
import { lintProject } from '../../../../../node/rebuild/lint/lint-project.ts'
import { lineOf } from '../../../../../node/toml-place.ts'
import { makeOperator } from '../../../../support/statements.ts'

const DIGEST = `sha256:${'d'.repeat(64)}`
const PROJECT = `format = 1
image = "ghcr.io/example/app"
platforms = ["linux/amd64", "linux/arm64"]
source = "git+https://github.com/example/app"
announcers = ["${makeOperator('announcer').id}"]

[recipe]
source_date_epoch = { from = "annotation:date", pattern = "[0-9]{8}", as = "date" }

[[recipe.builders]]
name = "buildkit"
image = "moby/buildkit@${DIGEST}"

[recipe.build_args]
BASE = { from = "annotation:base", pattern = "sha256:[0-9a-f]{64}" }

[recipe.exporter]
rewrite-timestamp = "true"
`

interface Change {
  readonly project?: readonly [string, string]
  readonly files?: Readonly<Record<string, string>>
}

function lint(dockerfile: string, { project, files }: Change = {}): readonly Finding[] {
  if (project !== undefined && !PROJECT.includes(project[0])) throw new Error('nothing to change')
  const text = project === undefined ? PROJECT : PROJECT.replace(project[0], project[1])
  return lintProject({
    project: readProjectText(text, 'app.toml', { template: true }),
    file: 'app.toml',
    lineOf: (path) => lineOf(text, path),
    dockerfile,
    readSource: (path) => files?.[path],
  })
}

/** `FILE:LINE CODE` of each finding. */
const codes = (dockerfile: string, change?: Change): string[] =>
  lint(dockerfile, change).map(({ file, line, code }) => `${file}:${line ?? '-'} ${code}`)

const PINNED = `FROM debian@${DIGEST}\n`
/** What each step that installs with apt must do afterwards. */
const CLEAN =
  'rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/* /var/cache/ldconfig/aux-cache'
const SNAPSHOT =
  'echo "deb http://snapshot.debian.org/archive/debian/20260101T000000Z trixie main" > /etc/apt/sources.list'

describe('a recipe of which everything is pinned', () => {
  it('has no findings', () => {
    const dockerfile = `ARG BASE
FROM debian@\${BASE} AS build
ARG SOURCE_DATE_EPOCH
ADD --checksum=sha256:${'a'.repeat(64)} https://example.org/tool /usr/local/bin/tool
ADD https://github.com/example/lib.git#${'c'.repeat(40)} /lib
COPY requirements.txt /app/
RUN ${SNAPSHOT} && apt-get update && apt-get install -y python3 curl git && ${CLEAN}
RUN curl -fsSLo /x https://example.org/x && echo "${'b'.repeat(64)}  /x" | sha256sum -c
RUN git clone https://github.com/example/other && git -C other checkout ${'e'.repeat(40)}
RUN pip install -r requirements.txt && npm ci && cargo build --locked && go install a.example/b@v1.2.3
RUN useradd app && chage -d 99999 app && rm -f /etc/shadow-
RUN gzip -n -9 /a && tar --sort=name --mtime=@0 -cf /b.tar /c && date -u -d @0
FROM scratch
COPY --from=build /x /x
`
    expect(lint(dockerfile, { files: { 'requirements.txt': 'a==1 --hash=sha256:00' } })).toEqual([])
  })
})

describe('inputs that are not pinned', () => {
  it.each<[string, string, readonly string[], Change?]>([
    ['a base by its tag', 'FROM debian:13\n', ['Dockerfile:1 base-unpinned']],
    [
      'a base without a tag',
      'ARG N=debian\n\nFROM $N AS x\nFROM x\n',
      ['Dockerfile:3 base-unpinned'],
    ],
    [
      'an image that is copied from',
      `${PINNED}COPY --from=tools:1 /a /b\n`,
      ['Dockerfile:2 base-unpinned'],
    ],
    [
      'an image that is mounted',
      `${PINNED}RUN --mount=type=bind,from=tools:1,target=/t true\n`,
      ['Dockerfile:2 base-unpinned'],
    ],
    [
      'a base by a tag that the announcer chooses',
      'ARG BASE=x\nFROM debian:$BASE\n',
      ['Dockerfile:2 base-unpinned'],
      { project: ['sha256:[0-9a-f]{64}', '[0-9]+'] },
    ],
    ['a stage that nobody needs', `FROM debian:13 AS test\n${PINNED}`, []],
    ['a frontend', `# syntax=docker/dockerfile:1\n${PINNED}`, ['Dockerfile:1 syntax-unpinned']],
    [
      'apt without a snapshot',
      `${PINNED}RUN true && \\\n apt-get update && \\\n apt-get install -y a && ${CLEAN}\n`,
      ['Dockerfile:4 apt-no-snapshot'],
    ],
    [
      'apt with sources that are copied in',
      `${PINNED}COPY debian.sources /etc/apt/sources.list.d/\nRUN apt-get install -y a && ${CLEAN}\n`,
      [],
      {
        files: {
          'debian.sources': 'URIs: https://snapshot.debian.org/archive/debian/20260101T000000Z/',
        },
      },
    ],
    [
      'apt with sources that name no snapshot',
      `${PINNED}COPY debian.sources /etc/apt/sources.list.d/\nRUN apt-get install -y a && ${CLEAN}\n`,
      ['Dockerfile:3 apt-no-snapshot'],
      { files: { 'debian.sources': 'URIs: https://deb.debian.org/debian' } },
    ],
    [
      'a base that is newer than the snapshot',
      `FROM debian:trixie-20260301-slim@${DIGEST}\nRUN ${SNAPSHOT} && apt-get install -y a && ${CLEAN}\n`,
      ['Dockerfile:2 base-newer-than-snapshot'],
    ],
    [
      'a base that is newer than the date of repro-sources-list.sh',
      `FROM debian:trixie-20260301-slim@${DIGEST}\nARG DEBIAN_ARCHIVE_DATE=20260201\nRUN touch -d \${DEBIAN_ARCHIVE_DATE}Z /etc/apt/sources.list && repro-sources-list.sh && apt-get install -y a && ${CLEAN}\n`,
      ['Dockerfile:3 base-newer-than-snapshot'],
    ],
    [
      'a base that is newer than the epoch that repro-sources-list.sh sees',
      `FROM debian:trixie-20260301-slim@${DIGEST}\nARG SOURCE_DATE_EPOCH\nRUN repro-sources-list.sh && apt-get install -y a && ${CLEAN}\n`,
      ['Dockerfile:3 base-newer-than-snapshot'],
    ],
    [
      'a base that is older than the snapshot',
      `FROM debian:trixie-20251201-slim@${DIGEST}\nRUN ${SNAPSHOT} && apt-get install -y a && ${CLEAN}\n`,
      [],
    ],
    ['apk', `${PINNED}RUN apk add --no-cache curl\n`, ['Dockerfile:2 packages-unpinned']],
    ['dnf', `${PINNED}RUN dnf -y install curl\n`, ['Dockerfile:2 packages-unpinned']],
    ['curl', `${PINNED}RUN curl -O https://a.example/x\n`, ['Dockerfile:2 fetch-unchecked']],
    ['wget', `${PINNED}RUN wget $URL\n`, ['Dockerfile:2 fetch-unchecked']],
    [
      'what is run before it is checked',
      `${PINNED}RUN curl https://a.example/x | sh && sha256sum -c sums\n`,
      ['Dockerfile:2 fetch-unchecked'],
    ],
    [
      'a fetch in a here document',
      `${PINNED}RUN <<EOF\nset -e\ncurl -O https://a.example/x\nEOF\n`,
      ['Dockerfile:4 fetch-unchecked'],
    ],
    [
      'ADD of an address',
      `${PINNED}ADD https://a.example/x /x\n`,
      ['Dockerfile:2 fetch-unchecked'],
    ],
    [
      'ADD of a branch',
      `${PINNED}ADD https://a.example/x.git#main /x\n`,
      ['Dockerfile:2 git-unpinned'],
    ],
    [
      'git clone',
      `${PINNED}RUN git clone -b v1 https://a.example/x\n`,
      ['Dockerfile:2 git-unpinned'],
    ],
    [
      'pip',
      `${PINNED}ENV SOURCE_DATE_EPOCH=0\nRUN pip install a==1\n`,
      ['Dockerfile:3 dependencies-unlocked'],
    ],
    [
      'pip with requirements that have no hashes',
      `${PINNED}ENV SOURCE_DATE_EPOCH=0\nRUN python3 -m pip install -r r.txt\n`,
      ['Dockerfile:3 dependencies-unlocked'],
      { files: { 'r.txt': 'a==1' } },
    ],
    ['npm', `${PINNED}RUN npm install\n`, ['Dockerfile:2 dependencies-unlocked']],
    ['yarn', `${PINNED}RUN yarn\n`, ['Dockerfile:2 dependencies-unlocked']],
    ['pnpm', `${PINNED}RUN pnpm i\n`, ['Dockerfile:2 dependencies-unlocked']],
    ['cargo', `${PINNED}RUN cargo install ripgrep\n`, ['Dockerfile:2 dependencies-unlocked']],
    ['go', `${PINNED}RUN go install a.example/b@latest\n`, ['Dockerfile:2 dependencies-unlocked']],
    ['gem', `${PINNED}RUN gem install rails\n`, ['Dockerfile:2 dependencies-unlocked']],
    ['bundle', `${PINNED}RUN bundle install\n`, ['Dockerfile:2 dependencies-unlocked']],
    ['composer', `${PINNED}RUN composer update\n`, ['Dockerfile:2 dependencies-unlocked']],
    ['uv', `${PINNED}RUN uv sync\n`, ['Dockerfile:2 dependencies-unlocked']],
    [
      'a network that nobody can reach',
      `${PINNED}RUN npm install; curl https://a.example/x\n`,
      [],
      { project: ['[recipe]', '[recipe]\nnetwork = "none"'] },
    ],
    [
      'nobody who announces',
      PINNED,
      ['app.toml:5 announcers-missing'],
      { project: [`"${makeOperator('announcer').id}"`, ''] },
    ],
    [
      'no SOURCE_DATE_EPOCH',
      PINNED,
      ['app.toml:7 epoch-missing'],
      { project: ['source_date_epoch =', '# source_date_epoch ='] },
    ],
    [
      'a builder of any version',
      PINNED,
      ['app.toml:10 builder-unpinned'],
      { project: ['image = "moby', '# image = "moby'] },
    ],
    [
      'a builder that keeps times',
      PINNED,
      ['app.toml:17 timestamps-kept'],
      { project: ['rewrite-timestamp = "true"', 'compression = "gzip"'] },
    ],
    [
      'a pattern that permits everything',
      PINNED,
      ['app.toml:15 pattern-loose'],
      { project: ['sha256:[0-9a-f]{64}', '.*'] },
    ],
  ])('%s', (_, dockerfile, expected, change) => {
    expect(codes(dockerfile, change)).toEqual(expected)
  })
})

describe('what is known to differ at each build', () => {
  it.each<[string, string, readonly string[]]>([
    [
      'what apt leaves',
      `${PINNED}RUN ${SNAPSHOT} && apt-get install -y a\n`,
      [
        'Dockerfile:2 residue-kept',
        'Dockerfile:2 residue-kept',
        'Dockerfile:2 residue-kept',
        'Dockerfile:2 residue-kept',
      ],
    ],
    [
      'what is mounted elsewhere while apt runs',
      `${PINNED}RUN --mount=type=cache,target=/var/cache/apt --mount=type=cache,sharing=locked,target=/var/lib/apt --mount=type=tmpfs,target=/var/log repro-sources-list.sh && apt-get install -y a && rm -f /var/cache/ldconfig/aux-cache\n`,
      [],
    ],
    ['gzip', `${PINNED}RUN gzip -9 /a\n`, ['Dockerfile:2 archive-times']],
    ['tar', `${PINNED}RUN tar czf /a.tgz /a\n`, ['Dockerfile:2 archive-times']],
    ['unpacking', `${PINNED}RUN tar xzf /a.tgz && gzip -d /b.gz\n`, []],
    ['a new user', `${PINNED}RUN useradd app\n`, ['Dockerfile:2 shadow-day']],
    [
      'bytecode',
      `${PINNED}RUN pip install --require-hashes -r r.txt\n`,
      ['Dockerfile:2 bytecode-times'],
    ],
    ['the time', `${PINNED}RUN date > /built\n`, ['Dockerfile:2 clock-or-chance']],
    ['a key', `${PINNED}RUN ssh-keygen -A\n`, ['Dockerfile:2 clock-or-chance']],
    ['chance', `${PINNED}RUN head -c 8 /dev/urandom > /id\n`, ['Dockerfile:2 clock-or-chance']],
  ])('%s', (_, dockerfile, expected) => {
    expect(codes(dockerfile)).toEqual(expected)
  })
})

describe('a finding', () => {
  it('is one sentence about what was found, and what to do', () => {
    const [finding] = lint(`${PINNED}RUN curl -O \\\n  https://a.example/x\n`)
    expect(finding).toEqual({
      file: 'Dockerfile',
      line: 2,
      code: 'fetch-unchecked',
      message: 'curl -O https://a.example/x takes whatever the server sends',
      advice: 'check it in the same step: sha256sum --check; or ADD --checksum=sha256:…',
    })
  })

  it('of a long or a hostile command stays on one line of bounded length', () => {
    const [finding] = lint(`${PINNED}RUN curl https://a.example/\u001b[31m${'x'.repeat(500)}\n`)
    expect(finding?.message).toMatch(/^[^\p{Cc}]{1,140}$/u)
  })

  it('is refused where no builder would take the recipe', () => {
    expect(() => lint('FROM ghcr.io/example/app:1\n')).toThrow(
      expect.objectContaining({ code: 'recipe-reads-own-image' }),
    )
  })

  it('has one of a closed list of codes', () => {
    expect(new Set(LINT_CODES).size).toBe(LINT_CODES.length)
  })
})
