import { expect, it } from 'vitest'
import { Voters } from '../../../../node/log/voters.ts'
import { makeOperator, makeRebuild, makeRelease, TEST_IMAGE } from '../../../support/statements.ts'
import { temporaryStore } from '../../../support/temporary-store.ts'

it('knows after a restart whose keys have voted on a project', async () => {
  const store = await temporaryStore()
  const voters = new Voters(store)
  await voters.load()
  const [alice, maintainer] = [makeOperator('alice'), makeOperator('announcer')]
  await voters.note(makeRelease({ operator: maintainer }).statement)
  await voters.note(makeRebuild({ operator: alice }).statement)
  await voters.note(makeRebuild({ operator: alice, digest: 'bad' }).statement)
  const again = new Voters(store)
  await again.load()
  for (const each of [voters, again]) {
    expect([...each.of([TEST_IMAGE])]).toEqual([alice.key.publicKey])
    expect(each.has(alice.key.publicKey, [TEST_IMAGE])).toBe(true)
    expect(each.has(alice.key.publicKey, ['registry.example/other'])).toBe(false)
  }
})
