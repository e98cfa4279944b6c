/** The walls between the parts, tried by planting an import through each. */
import { ESLint, Linter } from 'eslint'
import { describe, expect, it } from 'vitest'

const RULE = 'no-restricted-imports'

/** What the linter says of one import in a file that stands at `path`. */
async function complaints(path: string, imported: string): Promise<string[]> {
  const config = (await new ESLint().calculateConfigForFile(path)) as {
    readonly rules?: Readonly<Record<string, Linter.RuleEntry>>
  }
  const rule = config.rules?.[RULE]
  if (rule === undefined) throw new Error(`${path} has no wall`)
  const code = `import { planted } from '${imported}'\nplanted()\n`
  const messages = new Linter().verify(
    code,
    [{ files: ['**/*.ts'], rules: { [RULE]: rule } }],
    path,
  )
  return messages.map(({ message }) => message)
}

describe('the walls', () => {
  it.each([
    ['node/network/planted.ts', '../store/store.ts'],
    ['node/network/validation/planted.ts', '../../image/reference.ts'],
    ['node/store/planted.ts', '../rebuild/queue.ts'],
    ['node/tree/planted.ts', '../network/network.ts'],
    ['node/image/planted.ts', '../rebuild/queue.ts'],
    ['node/alert/planted.ts', '../http/node-service.ts'],
    ['node/planted.ts', '../cli/program.ts'],
    ['node/http/planted.ts', '../../cli/program.ts'],
    ['protocol/planted.ts', '../node/clock.ts'],
    ['protocol/verdict/planted.ts', 'node:fs'],
  ])('keep %s from importing %s', async (path, imported) => {
    expect(await complaints(path, imported)).toHaveLength(1)
  })

  it.each([
    ['node/rebuild/planted.ts', '../image/normalizer.ts'],
    ['node/network/planted.ts', '../clock.ts'],
    ['node/network/planted.ts', '../../protocol/bytes.ts'],
    ['node/planted.ts', './store/store.ts'],
    ['protocol/verdict/planted.ts', '../bytes.ts'],
  ])('let %s import %s', async (path, imported) => {
    expect(await complaints(path, imported)).toEqual([])
  })
})
