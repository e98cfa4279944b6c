import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { complainAboutNode } from '../../../cli/node-version.ts'

describe('the version of Node', () => {
  it.each(['22.18.0', '22.23.3', '24.0.0', '26.10.0', '100.0.0'])('%s will do', (version) => {
    expect(complainAboutNode(version)).toBeUndefined()
  })

  it.each(['0.10.48', '18.20.0', '20.20.2', '22.17.9', '21.99.0', 'nonsense'])(
    '%s is too old, and one line says what is needed',
    (version) => {
      const line = complainAboutNode(version)
      expect(line).toMatch(/^rebuildnet: needs Node 22\.18 or later, this is /)
      expect(line).not.toContain('\n')
    },
  )
})

describe('the entry point', () => {
  it('imports nothing statically', () => {
    const source = readFileSync(new URL('../../../cli/main.ts', import.meta.url), 'utf8')
    expect(source.startsWith('#!/usr/bin/env node\n')).toBe(true)
    expect(source).not.toMatch(/^\s*import\s[^(]/m)
    expect(source).not.toMatch(/^\s*export\s/m)
  })

  it('checks with code that imports nothing itself', () => {
    const source = readFileSync(new URL('../../../cli/node-version.ts', import.meta.url), 'utf8')
    expect(source).not.toMatch(/\bimport\b/)
  })
})
