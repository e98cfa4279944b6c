/** Project files are written by asking, and linted with their source: from a folder, and from git. */
import { execFileSync } from 'node:child_process'
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readProjectText } from '../../node/project-files.ts'
import { runHere } from '../support/command-line.ts'
import { createSmallProject } from '../support/small-project.ts'
import { makeOperator } from '../support/statements.ts'
import { temporaryFolder } from '../support/temporary-store.ts'
import { runOnTerminal } from '../support/terminal-program.ts'

const announcer = makeOperator('announcer').id
const BASE = `docker.io/library/debian@sha256:${'a'.repeat(64)}`
const NEEDED = [
  ...['--image', 'ghcr.io/example/app'],
  ...['--source', 'git+https://github.com/example/app'],
  ...['--announcer', announcer],
]

const projectText = (source: string): string => `format = 1
image = "ghcr.io/example/app"
platforms = ["linux/amd64"]
source = "${source}"
announcers = ["${announcer}"]
insecure = ["file"]
[recipe]
source_date_epoch = "commit"
[[recipe.builders]]
name = "buildah"
version = "1.28"
`

/** A folder with a project file, and its source as a git repository with two commits. */
async function project() {
  const folder = await temporaryFolder()
  const repository = join(folder, 'repository')
  const commits = await createSmallProject(repository, BASE, {
    good: ['RUN echo hello > /hello'],
    bad: ['RUN echo hello > /hello', 'RUN curl -O https://example.org/x'],
  })
  const file = join(folder, 'app.toml')
  await writeFile(file, projectText(`git+file://${repository}`))
  return { folder, repository, commits, file }
}

describe('project lint', () => {
  it('reads the source of a commit, of a ref, or of HEAD, and says what is not pinned', async () => {
    const { file, commits } = await project()
    const good = await runHere(['project', 'lint', file, '--ref', commits.good, '--json'])
    expect(good.stderr).toBe('')
    expect(good.json).toEqual({
      file,
      image: 'ghcr.io/example/app',
      commit: commits.good,
      findings: [],
    })
    expect(good.exitCode).toBe(0)
    for (const ref of [['--ref', 'refs/heads/main'], []]) {
      const bad = await runHere(['project', 'lint', file, ...ref, '--json'])
      expect(bad.exitCode).toBe(1)
      expect(bad.json).toMatchObject({
        commit: commits.bad,
        findings: [{ file: 'Dockerfile', line: 3, code: 'fetch-unchecked' }],
      })
    }
  })

  it('reads a folder as it is, and says the line, the code and what to do', async () => {
    const { file, repository } = await project()
    const { stdout, exitCode } = await runHere(['project', 'lint', file, '--source', repository])
    expect(exitCode).toBe(1)
    expect(stdout).toContain(
      'Dockerfile:3: fetch-unchecked: curl -O https://example.org/x takes whatever the server sends\n',
    )
    expect(stdout).toContain('sha256sum --check')
    expect(stdout).toContain('1 warning\n')
    await writeFile(join(repository, 'Dockerfile'), `FROM ${BASE}\n`)
    const clean = await runHere(['project', 'lint', file, '--source', repository])
    expect(clean).toMatchObject({
      exitCode: 0,
      stdout: 'every input that can be read is pinned\n',
    })
  })

  it('does not follow a link out of the source, or read what has no end', async () => {
    const { folder, file, repository } = await project()
    await writeFile(join(folder, 'r.txt'), 'a==1 --hash=sha256:00')
    await symlink(join(folder, 'r.txt'), join(repository, 'r.txt'))
    execFileSync('mkfifo', [join(repository, 'fifo.txt')])
    const steps = [
      'ENV SOURCE_DATE_EPOCH=0',
      'RUN pip install -r r.txt',
      'RUN pip install -r fifo.txt',
    ]
    await writeFile(join(repository, 'Dockerfile'), [`FROM ${BASE}`, ...steps, ''].join('\n'))
    const { json } = await runHere(['project', 'lint', file, '--source', repository, '--json'])
    expect(json).toMatchObject({
      findings: [
        { line: 3, code: 'dependencies-unlocked' },
        { line: 4, code: 'dependencies-unlocked' },
      ],
    })
  })

  it.each([
    [
      'a wrong key',
      ['version = "1.28"', 'versoin = "1.28"'],
      'app.toml:11: "recipe.builders.0.versoin"',
    ],
    ['broken TOML', ['[recipe]', '[recipe'], 'app.toml:7: '],
    [
      'a Dockerfile that is not there',
      ['[recipe]', '[recipe]\ndockerfile = "x"'],
      '"x" does not exist',
    ],
  ] as const)('is an error on one line with %s', async (_, [part, change], words) => {
    const { file, repository } = await project()
    await writeFile(file, (await readFile(file, 'utf8')).replace(part, change))
    const ran = await runHere(['project', 'lint', file, '--source', repository])
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toContain(words)
    expect(ran.stderr.trimEnd()).not.toContain('\n')
  })

  it('is an error where no builder would take the Dockerfile', async () => {
    const { file, repository } = await project()
    await writeFile(join(repository, 'Dockerfile'), 'FROM ghcr.io/example/app:1\n')
    const ran = await runHere(['project', 'lint', file, '--source', repository, '--json'])
    expect(ran.exitCode).toBe(2)
    expect(ran.json).toMatchObject({ error: { code: 'recipe-reads-own-image' } })
  })

  it('says what else it can read where the source cannot be fetched', async () => {
    const { folder, file } = await project()
    await writeFile(file, projectText(`git+file://${folder}/nothing`))
    const ran = await runHere(['project', 'lint', file])
    expect(ran).toMatchObject({ exitCode: 2, stdout: '' })
    expect(ran.stderr).toContain('; --source FOLDER reads what you have of it in its place\n')
  })

  it('reads a folder or a commit, not both', async () => {
    const ran = await runHere(['project', 'lint', 'x', '--source', '.', '--ref', 'v1'])
    expect(ran).toMatchObject({ exitCode: 2, stdout: '' })
  })
})

describe('project new', () => {
  it('writes a file from options and defaults, which can be followed, and says what to do next', async () => {
    const folder = await temporaryFolder()
    const output = join(folder, 'app.toml')
    const ran = await runHere(['project', 'new', ...NEEDED, '--yes', '-o', output])
    expect(ran.stderr).toBe('')
    expect(ran.exitCode).toBe(0)
    expect(ran.stdout).toContain(`rebuildnet follow ${output}`)
    expect(readProjectText(await readFile(output, 'utf8'), output)).toEqual({
      image: 'ghcr.io/example/app',
      platforms: ['linux/amd64'],
      source: 'git+https://github.com/example/app',
      announcers: [announcer],
      insecure: [],
      profile: 'rebuildnet/1',
      recipe: {
        builders: [{ name: 'buildah' }],
        dockerfile: 'Dockerfile',
        context: '.',
        sourceDateEpoch: 'commit',
      },
    })
    const again = await runHere(['project', 'new', ...NEEDED, '--yes', '-o', output, '--json'])
    expect(again).toMatchObject({ exitCode: 2, json: { error: { code: 'file' } } })
    expect(
      (await runHere(['project', 'new', ...NEEDED, '--yes', '-o', output, '--force'])).exitCode,
    ).toBe(0)
  })

  it('takes pins, dates and several platforms', async () => {
    const output = join(await temporaryFolder(), 'app.toml')
    const image = `moby/buildkit@sha256:${'b'.repeat(64)}`
    const more = [
      '--platform',
      'linux/arm64',
      '--platform',
      'linux/amd64',
      '--builder',
      `docker=${image}`,
    ]
    const epoch = ['--epoch', 'date:annotation:org.example.date']
    const ran = await runHere([
      'project',
      'new',
      ...NEEDED,
      ...more,
      ...epoch,
      '--yes',
      '-o',
      output,
    ])
    expect(ran.exitCode, ran.stderr).toBe(0)
    const { platforms, recipe } = readProjectText(await readFile(output, 'utf8'), output)
    expect(platforms).toEqual(['linux/amd64', 'linux/arm64'])
    expect(recipe).toMatchObject({
      builders: [{ name: 'docker', image }],
      sourceDateEpoch: { from: 'annotation:org.example.date', pattern: '[0-9]{8}', as: 'date' },
      exporter: { 'rewrite-timestamp': 'true' },
    })
  })

  it.each([
    [['--yes'], '--image is missing: write HOST/PATH'],
    [[], 'there is no terminal to ask on: add --image'],
    [[...NEEDED, '--builder', 'make', '--yes'], '--builder: "make" cannot be: write buildah, '],
    [[...NEEDED, '--epoch', 'now', '--yes'], '--epoch: "now" cannot be: write commit, '],
    [['--image', 'App:1', '--yes'], '--image: "App:1" cannot be: write HOST/PATH'],
  ])('%j is an error that says what to add', async (argv, words) => {
    const ran = await runHere(['project', 'new', ...argv])
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toContain(words)
  })

  it('asks on a terminal, says why an answer cannot be taken, and writes what was agreed on', async () => {
    const folder = await temporaryFolder()
    await mkdir(join(folder, 'here'))
    const ran = await runOnTerminal(
      ['project', 'new', '--announcer', announcer],
      [
        ['Which image is it?', 'App:1\r'],
        ['cannot be', `${'\b'.repeat(5)}ghcr.io/example/app\r`],
        ['Where is its source?', 'git+https://github.com/example/app\r'],
        ['For which platforms?', '\r'],
        ['Where in the source is the Dockerfile?', `${'\b'.repeat(10)}docker/Dockerfile\r`],
        ['Which folder of the source', '\r'],
        ['With which builder', '@1.28\r'],
        ['SOURCE_DATE_EPOCH', '\r'],
      ],
      join(folder, 'here'),
    )
    expect(ran.exitCode, ran.screen).toBe(0)
    expect(ran.screen).toContain('rebuildnet follow app.toml')
    const text = await readFile(join(folder, 'here', 'app.toml'), 'utf8')
    expect(readProjectText(text, 'app.toml').recipe).toMatchObject({
      dockerfile: 'docker/Dockerfile',
      builders: [{ name: 'buildah', version: '1.28' }],
    })
  })

  it('writes nothing where the person at the terminal gives up', async () => {
    const folder = await temporaryFolder()
    const ran = await runOnTerminal(['project', 'new'], [['Which image is it?', '\u0003']], folder)
    expect(ran.exitCode, ran.screen).toBe(1)
    expect(ran.screen).toContain('nothing was written')
  })
})
