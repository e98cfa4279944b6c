/** Each row of the list of threats has a test that is named after it: its number stands before or behind the name. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

const TESTS = join(import.meta.dirname, '..')
const ROWS = 23

it.each(Array.from({ length: ROWS }, (_, i) => `T${i + 1}`))('%s has a test', (row) => {
  const title = new RegExp(`['"\`]${row}: |\\(${row}\\)['"\`]`)
  const named = readdirSync(TESTS, { recursive: true, encoding: 'utf8' }).filter(
    (file) =>
      /(?:\.test|suite)\.ts$/.test(file) && title.test(readFileSync(join(TESTS, file), 'utf8')),
  )
  expect(named).not.toEqual([])
})
