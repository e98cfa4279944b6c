import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ProjectFiles, readProjectText } from '../../../node/project-files.ts'
import { makeOperator } from '../../support/statements.ts'
import { temporaryFolder } from '../../support/temporary-store.ts'

const text = (image = 'registry.example:5000/team/app') => `format = 1
image = "${image}"
platforms = ["linux/amd64"]
source = "git+https://git.example/team/app"
announcers = ["${makeOperator('announcer').id}"]
[recipe]
[[recipe.builders]]
name = "buildah"
`

async function projectFiles(): Promise<{ folder: string; files: ProjectFiles }> {
  const folder = await temporaryFolder()
  const files = new ProjectFiles(folder)
  await files.load()
  return { folder, files }
}

describe('followed projects', () => {
  it('are there again after a restart, followed as they were', async () => {
    const { folder, files } = await projectFiles()
    await files.follow(text(), { build: true, trustRecipe: false })
    await files.follow(text('registry.example/other'), { build: false, trustRecipe: false })
    const again = new ProjectFiles(folder)
    await again.load()
    expect(again.get('registry.example:5000/team/app')).toMatchObject({
      build: true,
      trustRecipe: false,
    })
    expect(again.all().map(({ project, build }) => [project.image, build])).toEqual([
      ['registry.example/other', false],
      ['registry.example:5000/team/app', true],
    ])
  })

  it('are replaced when they are followed again, and gone when they are no longer', async () => {
    const { folder, files } = await projectFiles()
    await files.follow(text(), { build: true, trustRecipe: true })
    await files.follow(text(), { build: false, trustRecipe: false })
    expect(files.all()).toHaveLength(1)
    expect(files.all()[0]?.build).toBe(false)
    await files.unfollow('registry.example:5000/team/app')
    expect(await readdir(folder)).toEqual([])
    await expect(files.unfollow('registry.example:5000/team/app')).rejects.toMatchObject({
      code: 'not-followed',
    })
  })

  it('build nothing where the file was put there by hand', async () => {
    const { folder, files } = await projectFiles()
    await writeFile(join(folder, 'app.toml'), text())
    await files.load()
    expect(files.all()).toMatchObject([{ build: false, trustRecipe: false }])
  })

  it('are not kept where the project file has an unknown key', async () => {
    const { folder, files } = await projectFiles()
    const bad = text().replace('[recipe]', '[recipe]\ntagret = "x"')
    await expect(files.follow(bad, { build: true, trustRecipe: true })).rejects.toMatchObject({
      name: 'ProjectError',
      code: 'unknown-key',
    })
    expect(await readdir(folder)).toEqual([])
  })
})

describe('an error in a project file', () => {
  /** The message for the file in which `part` is written as `change`. */
  const messageOf = (part: string, change: string): string => {
    try {
      readProjectText(text().replace(part, change), 'app.toml')
    } catch (error) {
      return (error as Error).message
    }
    throw new Error('the file was taken')
  }

  it.each([
    ['"linux/amd64"]', '"linux/amd64"', 'app.toml:4: '],
    ['[recipe]', '[recipe]\n\ntagret = "x"', 'app.toml:8: "recipe.tagret" is not a key'],
    ['"linux/amd64"]', '"linux/amd64",\n 5]', 'app.toml:4: "platforms.1" must be a text'],
    ['name = "buildah"', 'name = "make"', 'app.toml:8: "recipe.builders.0.name" must be one of '],
    ['name = "buildah"', 'version = "1"', 'app.toml:7: "recipe.builders.0.name" is missing'],
    [`"${makeOperator('announcer').id}"`, '', 'app.toml:5: "announcers" is empty: put in the oper'],
    ['format = 1', 'format = 7', 'app.toml:1: the file is of format 7, this rebuildnet reads 1'],
    ['image =', '#', 'app.toml: "image" is missing'],
    ['name = "buildah"', 'name = 2025-01-01', 'app.toml:8: "recipe.builders.0.name" is a date'],
  ])('where %s is %s begins with file and line', (part, change, message) => {
    expect(messageOf(part, change)).toContain(message)
    expect(messageOf(part, change)).not.toContain('\n')
  })
})
