/** The own operator card on real data folders: the commands, as they are typed, without a running node. */
import { execFileSync, spawn } from 'node:child_process'
import { cp, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { loadOwnCard } from '../../node/operator-identity.ts'
import { dataFolder } from '../../node/data-folder.ts'
import { findTool } from '../../node/system/packages.ts'
import type { OperatorCard } from '../../protocol/operator-card.ts'
import { runHere, type RunOptions } from '../support/command-line.ts'
import { generateSshKey } from '../support/openssh.ts'

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'rn-'))
})
afterEach(() => rm(root, { recursive: true, force: true }))

const at = (name: string): string => join(root, name)

function run(node: string, ...argv: string[]) {
  return runWith({}, node, ...argv)
}

function runWith(options: RunOptions, node: string, ...argv: string[]) {
  return runHere([...argv, '--data', at(node)], options)
}

/** Runs what must succeed. */
async function must(node: string, ...argv: string[]): Promise<string> {
  const ran = await run(node, ...argv)
  if (ran.exitCode !== 0) throw new Error(`${argv.join(' ')}: ${ran.stderr}`)
  return ran.stdout
}

async function cardOf(node: string): Promise<OperatorCard> {
  return (await loadOwnCard(dataFolder(at(node)), nodeCrypto)).card.body
}

async function keyOf(node: string): Promise<string> {
  const ran = await run(node, 'operator', 'show', '--json')
  return (ran.json as { key: string }).key
}

/** A second node of the operator of `ada`, with a card that both have. */
async function joined(): Promise<void> {
  await must('ada', 'init', '--name', 'Ada')
  await must('ada', 'card', at('ada.card'))
  await must('arm', 'operator', 'join', at('ada.card'), '--draft', at('draft'))
  await must('ada', 'operator', 'sign', at('draft'), '--yes')
  await must('ada', 'card', at('ada.card'))
  await must('arm', 'operator', 'import', at('ada.card'))
}

describe('operator renew', () => {
  it('makes the next card of the same operator, with the words that are given', async () => {
    await must('ada', 'init', '--name', 'Ada', '--claim', 'country=DE')
    const first = await cardOf('ada')
    const ran = await run(
      'ada',
      'operator',
      'renew',
      '--contact',
      'ada@example.org',
      '--yes',
      '--json',
    )
    expect(ran.json).toMatchObject({ operator: first.operator, version: 2, complete: true })
    expect(await cardOf('ada')).toMatchObject({
      version: 2,
      name: 'Ada',
      contact: 'ada@example.org',
      claims: { country: 'DE' },
      previous: { cardDigest: first.cardDigest },
    })
    const shown = await must('ada', 'operator', 'show')
    expect(shown).toMatch(/card +2, of /)
    expect(shown).toContain(first.operator)
  })

  it('shows what changes and asks', async () => {
    await must('ada', 'init', '--name', 'Ada')
    const ran = await run('ada', 'operator', 'renew', '--name', 'Ada L.')
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toContain('name: Ada becomes Ada L.')
    expect(ran.stderr).toContain('ask in a terminal, or add --yes')
    expect(await cardOf('ada')).toMatchObject({ version: 1 })
    const refused = await runWith({ terminal: true, typed: 'n' }, 'ada', 'operator', 'renew')
    expect(refused.exitCode).toBe(1)
    expect(await cardOf('ada')).toMatchObject({ version: 1 })
  })

  it('without the root key writes a draft, and says whose signature it lacks', async () => {
    await must('ada', 'init', '--name', 'Ada')
    await rename(dataFolder(at('ada')).rootKey, at('stick.key'))
    const ran = await run('ada', 'operator', 'renew', '--yes', '--draft', at('draft'))
    expect(ran.exitCode).toBe(0)
    expect(ran.stdout).toContain('not signed yet: the root key')
    expect(await cardOf('ada')).toMatchObject({ version: 1 })
    await must('ada', 'operator', 'sign', at('draft'), '--yes', '--root-key', at('stick.key'))
    expect(await cardOf('ada')).toMatchObject({ version: 2 })
  })

  it('names a file that is not the root key', async () => {
    await must('ada', 'init', '--name', 'Ada')
    await must('bob', 'init', '--name', 'Bob')
    const other = join(at('bob'), 'keys', 'root.key')
    const ran = await run('ada', 'operator', 'renew', '--yes', '--root-key', other)
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toContain(`${other} is not the root key of this operator`)
  })
})

describe('a second node', () => {
  it('joins an operator: one card, two keys', async () => {
    await joined()
    const card = await cardOf('arm')
    expect(card).toMatchObject({ version: 2, operator: (await cardOf('ada')).operator })
    expect(card.keys).toEqual([await keyOf('ada'), await keyOf('arm')].sort())
    // It holds the cards before its own too: whoever trusts it by its file needs them.
    await must('arm', 'card', at('arm.card'))
    await must('user', 'init', '--name', 'User')
    await must('user', 'trust', 'add', at('arm.card'))
    const listed = (await run('user', 'trust', 'ls', '--json')).json
    expect(listed).toMatchObject([
      { id: card.operator, version: 2, keys: card.keys, trouble: null },
    ])
  })

  it('has no card before it is listed, and says what to do', async () => {
    await must('ada', 'init', '--name', 'Ada')
    await must('ada', 'card', at('ada.card'))
    await must('arm', 'operator', 'join', at('ada.card'), '--draft', at('draft'))
    const early = await run('arm', 'operator', 'import', at('ada.card'))
    expect(early.stderr).toMatch(/ada\.card does not list the key of this node, [0-9a-f]{64}/)
    expect((await run('arm', 'status')).stderr).toContain('rebuildnet operator import CARD')
  })

  it('agrees to each later card with its own key', async () => {
    await joined()
    await must('ada', 'operator', 'renew', '--yes', '--draft', at('draft'))
    expect(await cardOf('ada')).toMatchObject({ version: 2 })
    const ran = await run('arm', 'operator', 'sign', at('draft'), '--yes', '--json')
    expect(ran.json).toMatchObject({ version: 3, complete: true })
    await must('arm', 'card', at('arm.card'))
    await must('ada', 'operator', 'import', at('arm.card'))
    expect(await cardOf('ada')).toEqual(await cardOf('arm'))
  })

  it('is revoked by the first, and the node can go on', async () => {
    await joined()
    const stolen = await keyOf('arm')
    const unknown = await run('ada', 'operator', 'revoke', stolen.slice(0, 12), '--yes')
    expect(unknown.stderr).toContain('--size 0')
    await must('ada', 'operator', 'revoke', stolen.slice(0, 12), '--size', '0', '--yes')
    const card = await cardOf('ada')
    expect(card.keys).toEqual([await keyOf('ada')])
    expect(card.revocations).toMatchObject([
      { origin: `rebuildnet.dev/log/${card.operator}/${stolen}/0`, size: 0 },
    ])
    expect(await must('ada', 'operator', 'show')).toContain('after 0 entries')
    const again = await run('ada', 'operator', 'revoke', stolen, '--size', '0', '--yes')
    expect(again).toMatchObject({ exitCode: 2 })
    expect(again.stderr).toContain('revoked already: its log ends after 0 entries')
    expect((await cardOf('ada')).version).toBe(card.version)
    await must('ada', 'card', at('ada.card'))
    const ran = await run('arm', 'operator', 'import', at('ada.card'))
    expect(ran.stderr).toContain('lists the key of this node')
  })

  it('takes a newer card of its operator by itself, however it comes', async () => {
    await joined()
    await must('ada', 'operator', 'renew', '--yes', '--draft', at('draft'))
    await must('arm', 'operator', 'sign', at('draft'), '--yes')
    await must('arm', 'card', at('arm.card'))
    await must('ada', 'trust', 'add', at('arm.card'))
    expect(await cardOf('ada')).toMatchObject({ version: 3 })
  })

  it('trusted by an old card, is said to have a newer one', async () => {
    await must('ada', 'init', '--name', 'Ada')
    await must('ada', 'card', at('old.card'))
    await must('ada', 'operator', 'renew', '--yes')
    await must('ada', 'card', at('new.card'))
    await must('user', 'init', '--name', 'User')
    expect((await run('user', 'trust', 'add', at('new.card'))).stderr).toBe('')
    const ran = await run('user', 'trust', 'add', at('old.card'))
    expect(ran.exitCode).toBe(0)
    expect(ran.stderr).toContain('this is card 1, and card 2 of this operator is known')
  })

  it('makes no rival of a newer card that it knows', async () => {
    await joined()
    await must('ada', 'operator', 'revoke', await keyOf('arm'), '--size', '0', '--yes')
    await must('ada', 'card', at('ada.card'))
    await must('arm', 'trust', 'add', at('ada.card'))
    const ran = await run('arm', 'operator', 'renew', '--yes', '--draft', at('draft'))
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toMatch(/^rebuildnet: card 3 of this operator is known, .*--anyway/)
  })

  it('that was revoked hears of it', async () => {
    await joined()
    await must('ada', 'operator', 'revoke', await keyOf('arm'), '--size', '0', '--yes')
    await must('ada', 'card', at('ada.card'))
    expect((await run('arm', 'status', '--json')).json).toMatchObject({ cardTrouble: null })
    await must('arm', 'trust', 'add', at('ada.card'))
    expect(await cardOf('arm')).toMatchObject({ version: 2 })
    expect((await run('arm', 'status', '--json')).json).toMatchObject({
      cardTrouble: 'key-dropped',
    })
    expect(await must('arm', 'status')).toContain('does not list the key of this node')
  })

  it('refuses a draft that is not after the card in force, or was changed', async () => {
    await joined()
    await must('ada', 'operator', 'renew', '--yes', '--draft', at('draft'))
    await must('arm', 'operator', 'sign', at('draft'), '--yes')
    const again = await run('arm', 'operator', 'sign', at('draft'), '--yes')
    expect(again.stderr).toContain('card 3 is in force here')
    const text = await readFile(at('draft'), 'utf8')
    await writeFile(at('bad'), text.replace(/"root": "./, '"root": "B'))
    const bad = await run('ada', 'operator', 'sign', at('bad'), '--yes')
    expect(bad.stderr).toMatch(/bad is no good draft of a card: proofs\.root: /)
  })
})

describe('two cards of one version', () => {
  it('are shown to those who trust, who pin one, and to the operator', async () => {
    await must('ada', 'init', '--name', 'Ada')
    // Whoever has a copy of the root key.
    await cp(at('ada'), at('thief'), { recursive: true })
    await must('ada', 'operator', 'renew', '--yes')
    await must('thief', 'operator', 'renew', '--yes', '--contact', 'thief@example.org')
    await must('ada', 'card', at('ada.card'))
    await must('thief', 'card', at('thief.card'))
    await must('user', 'init', '--name', 'User')
    await must('user', 'trust', 'add', at('thief.card'))
    await must('user', 'trust', 'add', at('ada.card'))
    expect(await must('user', 'trust', 'ls')).toContain('two cards of one version')
    await must('user', 'trust', 'add', at('ada.card'), '--pin')
    const listed = (await run('user', 'trust', 'ls', '--json')).json
    expect(listed).toMatchObject([{ version: 2, contact: '', trouble: null }])

    await must('ada', 'trust', 'add', at('thief.card'))
    expect(await cardOf('ada')).toMatchObject({ contact: '' })
    const shown = await run('ada', 'operator', 'show')
    expect(shown.exitCode).toBe(1)
    expect(shown.stdout).toContain('the root key may be stolen')
    expect(await must('ada', 'status')).toContain('two cards of one version')
  })
})

describe('operator rotate', () => {
  it('puts a new signing key in the place of the old, which is kept aside', async () => {
    await must('ada', 'init', '--name', 'Ada')
    const old = await keyOf('ada')
    await must('ada', 'operator', 'rotate', '--yes')
    const fresh = await keyOf('ada')
    expect(fresh).not.toBe(old)
    expect(await cardOf('ada')).toMatchObject({ version: 2, keys: [fresh] })
    const kept = join(at('ada'), 'keys', 'retired', `signing-${old.slice(0, 16)}.key`)
    expect((await stat(kept)).mode & 0o777).toBe(0o600)
  })

  it('waits for the other keys, and is finished when the card comes', async () => {
    await joined()
    const old = await keyOf('ada')
    await must('ada', 'operator', 'rotate', '--yes', '--draft', at('draft'))
    expect(await keyOf('ada')).toBe(old)
    await must('arm', 'operator', 'sign', at('draft'), '--yes')
    await must('arm', 'card', at('arm.card'))
    await must('ada', 'operator', 'import', at('arm.card'))
    expect(await keyOf('ada')).not.toBe(old)
    expect((await cardOf('ada')).keys).toEqual([await keyOf('ada'), await keyOf('arm')].sort())
  })

  it('is finished at the next start where it was cut off after the card', async () => {
    await must('ada', 'init', '--name', 'Ada')
    const { signingKey } = dataFolder(at('ada'))
    const old = await readFile(signingKey)
    await must('ada', 'operator', 'rotate', '--yes')
    await rename(signingKey, dataFolder(at('ada')).nextSigningKey)
    await writeFile(signingKey, old, { mode: 0o600 })
    const [listed] = (await cardOf('ada')).keys
    expect(await keyOf('ada')).toBe(listed)
  })

  it('changes the root key, and the old one has no say any more', async () => {
    await must('ada', 'init', '--name', 'Ada')
    const { rootKey } = dataFolder(at('ada'))
    const first = await cardOf('ada')
    const old = await readFile(rootKey, 'utf8')
    await must('ada', 'operator', 'rotate', '--root', '--yes')
    const card = await cardOf('ada')
    expect(card).toMatchObject({ operator: first.operator, previous: { rootKey: first.rootKey } })
    expect(card.rootKey).not.toEqual(first.rootKey)
    expect(await readFile(rootKey, 'utf8')).not.toBe(old)
    await must('ada', 'operator', 'renew', '--yes')
    expect(await cardOf('ada')).toMatchObject({ version: 3, rootKey: card.rootKey })
  })
})

// Without openssh-client there is no SSH key to use.
describe.skipIf(findTool('ssh-keygen') === undefined)('an SSH key as the root', () => {
  it('signs the cards, and is not kept', async () => {
    const file = await generateSshKey(root, 'id')
    await must('ada', 'init', '--name', 'Ada', '--ssh-root', file)
    const line = (await readFile(`${file}.pub`, 'utf8')).split(' ').slice(0, 2).join(' ')
    expect(await readFile(dataFolder(at('ada')).rootPublic, 'utf8')).toBe(`${line}\n`)
    await expect(stat(dataFolder(at('ada')).rootKey)).rejects.toMatchObject({ code: 'ENOENT' })
    await must('ada', 'operator', 'renew', '--yes', '--root-key', file)
    expect(await cardOf('ada')).toMatchObject({ version: 2, rootKey: { type: 'ssh-ed25519' } })
    const { stdout } = await run('ada', 'operator', 'show')
    const fingerprint = execFileSync('ssh-keygen', ['-l', '-f', file], { encoding: 'utf8' })
    expect(stdout).toContain(fingerprint.split(' ')[1] ?? '')
  })

  it('takes the place of a raw one, and gives it up again', async () => {
    const file = await generateSshKey(root, 'id')
    await must('ada', 'init', '--name', 'Ada')
    await must('ada', 'operator', 'rotate', '--ssh-root', file, '--yes')
    expect(await cardOf('ada')).toMatchObject({ rootKey: { type: 'ssh-ed25519' } })
    await must('ada', 'operator', 'rotate', '--root', '--root-key', file, '--yes')
    expect(await cardOf('ada')).toMatchObject({ version: 3, rootKey: { type: 'ed25519' } })
  })

  it('may be in an agent', async () => {
    const file = await generateSshKey(root, 'id')
    await must('ada', 'init', '--name', 'Ada', '--ssh-root', file)
    const socket = at('agent')
    const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] })
    const before = process.env.SSH_AUTH_SOCK
    try {
      await new Promise((resolve) => agent.stdout.once('data', resolve))
      process.env.SSH_AUTH_SOCK = socket
      execFileSync('ssh-add', ['-q', file])
      await rm(file)
      await must('ada', 'operator', 'renew', '--yes')
      expect(await cardOf('ada')).toMatchObject({ version: 2 })
    } finally {
      agent.kill()
      if (before === undefined) delete process.env.SSH_AUTH_SOCK
      else process.env.SSH_AUTH_SOCK = before
    }
  })

  it('that cannot sign leaves nothing in the way of the next try', async () => {
    const file = await generateSshKey(root, 'id')
    await rm(file)
    const ran = await run('ada', 'init', '--name', 'Ada', '--ssh-root', `${file}.pub`)
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toContain(`ssh-keygen did not sign with ${file}.pub`)
    await must('ada', 'init', '--name', 'Ada')
  })
})
