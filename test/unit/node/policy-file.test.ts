import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../../node/crypto/node-crypto.ts'
import { createDataFolder } from '../../../node/data-folder.ts'
import { PolicyFile } from '../../../node/policy-file.ts'
import { makeOperator } from '../../support/statements.ts'
import { temporaryFolder } from '../../support/temporary-store.ts'

const alice = makeOperator('alice').id
const bob = makeOperator('bob').id

async function policyFile(text: string): Promise<{ path: string; file: PolicyFile }> {
  const path = join(await temporaryFolder(), 'policy.toml')
  await writeFile(path, text)
  return { path, file: await PolicyFile.load(path, nodeCrypto) }
}

describe('the policy file', () => {
  it('trusts nobody where there is no file, and in the file that init writes', async () => {
    const { policy } = await createDataFolder(await temporaryFolder())
    for (const path of [policy, join(await temporaryFolder(), 'none')]) {
      const file = await PolicyFile.load(path, nodeCrypto)
      expect(file.policy).toMatchObject({ operators: [], threshold: 2, freshness: 'required' })
    }
  })

  it.each([
    ['threshold = 2\n\n[[image]]\nmatch = "x/*"\naccept = "mostly"', 5],
    [`[[operator]]\nid = "${alice}"\n[[operator]]\nid = "${bob}"\nnmae = "B"`, 5],
    ['[[operator]]\nname = "nobody"', 1],
    ['threshold = 2\nmax_dissent = 2', 2],
    ['"a\\nb" = 1', undefined],
  ])('names the line of what is wrong with it: %j', async (text, line) => {
    const error = await policyFile(text).catch((caught: unknown) => caught as Error)
    const place = line === undefined ? 'policy.toml: ' : `policy.toml:${line}: `
    expect((error as Error).message).toContain(place)
  })

  it('that cannot be read trusts nobody and says where it is', async () => {
    const path = await temporaryFolder()
    await expect(PolicyFile.load(path, nodeCrypto)).rejects.toThrow(`${path} cannot be read`)
  })

  it('keeps what the user wrote when an operator is added and removed', async () => {
    const text = `# mine\nthreshold = 3 # k\n\n[[operator]]\nid = "${alice}"\nname = "A"\n\n[[image]]\nmatch = "ghcr.io/x/*"\naccept = "exact"\n`
    const { path, file } = await policyFile(text)
    await file.add({ id: bob, name: 'B "quoted"', groups: ['eu', 'ngo'] })
    expect(file.policy.operators.map(({ id }) => id)).toEqual([alice, bob].sort())
    const added = await readFile(path, 'utf8')
    expect(added).toContain('threshold = 3 # k')
    expect((await PolicyFile.load(path, nodeCrypto)).policy).toEqual(file.policy)
    await file.remove(bob)
    expect((await readFile(path, 'utf8')).trim()).toBe(text.trim())
  })

  it('says the latest of an operator that is added again', async () => {
    const { file } = await policyFile('')
    await file.add({ id: alice, name: 'A', groups: [] })
    await file.add({ id: alice, name: 'A2', groups: ['eu'] })
    expect(file.policy.operators).toHaveLength(1)
    expect(file.policy.operators[0]).toMatchObject({ name: 'A2', groups: ['eu'] })
  })

  it('leaves the file alone where the edit would not load', async () => {
    const { path, file } = await policyFile('threshold = 2\n')
    await expect(file.add({ id: 'op1nonsense', groups: [] })).rejects.toMatchObject({
      name: 'PolicyError',
    })
    expect(await readFile(path, 'utf8')).toBe('threshold = 2\n')
    expect(file.policy.operators).toEqual([])
  })

  it('is what the file says now, whoever changed it, and tells of the change', async () => {
    const { path, file } = await policyFile('threshold = 2\n')
    let changes = 0
    file.onChange = () => changes++
    expect(file.policy.threshold).toBe(2)
    await writeFile(path, 'threshold = 3\n')
    expect(file.policy.threshold).toBe(3)
    await Promise.resolve()
    expect(changes).toBe(1)
  })

  it('answers with an error while the file is broken, and never with the old policy', async () => {
    const { path, file } = await policyFile('threshold = 2\n')
    await writeFile(path, 'threshold = 0\n')
    for (let i = 0; i < 2; i++) expect(() => file.policy).toThrow(/threshold/)
    expect(file.lastPolicy.threshold).toBe(2)
    await writeFile(path, 'threshold = 4\n')
    expect(file.policy.threshold).toBe(4)
  })

  it('keeps what was written by hand since it was loaded', async () => {
    const { path, file } = await policyFile('threshold = 2\n')
    await writeFile(path, 'threshold = 5 # stricter\n')
    await file.add({ id: alice, groups: [] })
    expect(await readFile(path, 'utf8')).toContain('threshold = 5 # stricter')
  })

  it('refuses to remove whom it does not name', async () => {
    const { file } = await policyFile('')
    await expect(file.remove(alice)).rejects.toMatchObject({ code: 'not-found' })
  })
})
