/** Signed lists of operators, as the commands take them on a real data folder. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import type { OperatorSummary } from '../../node/http/trust-summary.ts'
import { findTool } from '../../node/system/packages.ts'
import { sshFingerprint } from '../../protocol/ssh-key.ts'
import { encodeSshArmor } from '../../protocol/ssh-signature.ts'
import { makeKey } from '../support/cards.ts'
import { runHere, type RunOptions } from '../support/command-line.ts'
import { generateSshKey, signWithSshKeygen } from '../support/openssh.ts'
import { securityKeyOf, signSsh, sshKeyOf } from '../support/ssh.ts'

const NAMESPACE = 'rebuildnet-trust/1'
const publisher = makeKey('publisher')
const PUBLISHER = sshFingerprint(sshKeyOf(publisher), nodeCrypto)
const [A, B, C] = ['a', 'b', 'c'].map((letter) => `op1${letter.repeat(51)}a`) as [
  string,
  string,
  string,
]

let root: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'rn-'))
  await run('init', '--name', 'User')
})
afterEach(() => rm(root, { recursive: true, force: true }))

const at = (name: string): string => join(root, name)
const run = (...argv: string[]) => runWith({}, ...argv)
const runWith = (options: RunOptions, ...argv: string[]) =>
  runHere([...argv, '--data', at('node')], options)

function listOf(serial: number, groups: Readonly<Record<string, string>>, name = 'eu'): string {
  const blocks = Object.entries(groups).map(
    ([id, group]) => `[[operator]]\nid = "${id}"\nname = "n-${id[3] ?? ''}"\ngroups = ["${group}"]`,
  )
  return `format = 1\nlist = "${name}"\nserial = ${serial}\n\n${blocks.join('\n\n')}\n`
}

/** Writes list and signature. */
async function publish(text: string, by = publisher, namespace = NAMESPACE): Promise<string> {
  const armored = encodeSshArmor(signSsh(by, sshKeyOf(by), Buffer.from(text), { namespace }))
  await writeFile(at('eu.toml'), text)
  await writeFile(at('eu.toml.sig'), armored)
  return at('eu.toml')
}

async function take(text: string, by = publisher) {
  return run('trust', 'import', await publish(text, by), '--signer', PUBLISHER, '--yes')
}

async function trusted(): Promise<Record<string, readonly string[]>> {
  const known = (await run('trust', 'ls', '--json')).json as OperatorSummary[]
  return Object.fromEntries(known.map(({ id, groups }) => [id, groups]))
}

describe('trust import', () => {
  it('shows who signed and what would change, and changes nothing unasked', async () => {
    const file = await publish(listOf(1, { [A]: 'us', [B]: 'eu' }))
    const ran = await run('trust', 'import', file)
    expect(ran.exitCode).toBe(2)
    for (const shown of [
      PUBLISHER,
      'not known here',
      `n-a  ${A}  groups us`,
      `--signer ${PUBLISHER}`,
    ]) {
      expect(ran.stderr).toContain(shown)
    }
    expect(await trusted()).toEqual({})
    const refused = await runWith({ terminal: true, typed: 'n' }, 'trust', 'import', file)
    expect(refused.exitCode).toBe(1)
    expect(await trusted()).toEqual({})
    const agreed = await runWith({ terminal: true, typed: 'y' }, 'trust', 'import', file)
    expect(agreed.exitCode).toBe(0)
    expect(await trusted()).toEqual({ [A]: ['us'], [B]: ['eu'] })
  })

  it('with --yes needs to be told the signer of a first list', async () => {
    const file = await publish(listOf(1, { [A]: 'us' }))
    const ran = await run('trust', 'import', file, '--yes')
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toContain(`if that is who you mean, add --signer ${PUBLISHER}`)
    expect(await trusted()).toEqual({})
  })

  it('follows the list: adds, regroups and drops those that it brought', async () => {
    await take(listOf(1, { [A]: 'us', [B]: 'eu' }))
    const ran = await run(
      'trust',
      'import',
      await publish(listOf(2, { [B]: 'asia', [C]: 'us' })),
      '--yes',
      '--json',
    )
    expect(ran.json).toMatchObject({
      imported: true,
      changes: [
        { kind: 'changed', id: B, groups: ['asia'], before: { groups: ['eu'] } },
        { kind: 'added', id: C },
        { kind: 'removed', id: A },
      ],
    })
    expect(await trusted()).toEqual({ [B]: ['asia'], [C]: ['us'] })
  })

  it('leaves alone whom the user added or changed by hand', async () => {
    await run('trust', 'add', A, '--group', 'mine')
    await take(listOf(1, { [A]: 'us', [B]: 'eu', [C]: 'eu' }))
    await run('trust', 'add', B, '--group', 'mine')
    await take(listOf(2, { [A]: 'asia', [B]: 'asia' }))
    expect(await trusted()).toEqual({ [A]: ['mine'], [B]: ['mine'] })
    await take(listOf(3, {}))
    expect(await trusted()).toEqual({ [A]: ['mine'], [B]: ['mine'] })
  })

  it('takes the next list from the same signer only', async () => {
    await take(listOf(1, { [A]: 'us' }))
    const other = makeKey('somebody else')
    const fingerprint = sshFingerprint(sshKeyOf(other), nodeCrypto)
    const file = await publish(listOf(2, { [B]: 'us' }), other)
    const ran = await run('trust', 'import', file, '--yes')
    expect(ran.stderr).toContain(
      `"eu" was signed by ${PUBLISHER} so far, this one is by ${fingerprint}`,
    )
    const named = await run('trust', 'import', file, '--yes', '--signer', PUBLISHER)
    expect(named.stderr).toContain(`signed by ${fingerprint}, not by ${PUBLISHER}`)
    expect(await trusted()).toEqual({ [A]: ['us'] })
    await run('trust', 'import', file, '--yes', '--signer', fingerprint)
    expect(await trusted()).toEqual({ [B]: ['us'] })
  })

  it('never goes back to an older list', async () => {
    await take(listOf(5, { [A]: 'us' }))
    const older = await take(listOf(4, { [B]: 'us' }))
    expect(older.stderr).toContain('"eu" has serial 4, and 5 was taken already')
    const twin = await take(listOf(5, { [B]: 'us' }))
    expect(twin.stderr).toContain('"eu" has serial 5, and 5 was taken already')
    expect((await take(listOf(5, { [A]: 'us' }))).exitCode).toBe(0)
  })

  it.each([
    ['of another text', NAMESPACE, ' ', /eu\.toml\.sig is not of this list/],
    ['for another purpose', 'file', '', /eu\.toml\.sig is for another purpose/],
  ])('refuses a signature %s', async (_name, namespace, added, message) => {
    const file = await publish(listOf(1, { [A]: 'us' }), publisher, namespace)
    await writeFile(file, `${await readFile(file, 'utf8')}${added}`)
    const ran = await run('trust', 'import', file, '--yes', '--signer', PUBLISHER)
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toMatch(message)
  })

  it.each([
    ['serial = 1', 'serial = "one"', /eu\.toml: serial must be a whole number/],
    ['list = "eu"', '', /eu\.toml: list is missing/],
    [A, 'op1', /eu\.toml: operator\[0\]\.id must be an operator id/],
    ['groups = ["us"]', 'weight = 3', /eu\.toml: operator\[0\]\.weight is not a key/],
  ])('names what is wrong in a list: %s', async (part, by, message) => {
    const ran = await take(listOf(1, { [A]: 'us' }).replace(part, by))
    expect(ran.exitCode).toBe(2)
    expect(ran.stderr).toMatch(message)
  })

  it('takes the signature of a security key', async () => {
    const key = securityKeyOf(publisher)
    const text = listOf(1, { [A]: 'us' })
    const file = await publish(text)
    const blob = signSsh(publisher, key, Buffer.from(text), { namespace: NAMESPACE })
    await writeFile(`${file}.sig`, encodeSshArmor(blob))
    const signer = sshFingerprint(key, nodeCrypto)
    expect((await run('trust', 'import', file, '--yes', '--signer', signer)).exitCode).toBe(0)
  })
})

describe('trust export', () => {
  // Without openssh-client nobody can sign it.
  it.skipIf(findTool('ssh-keygen') === undefined)(
    'writes a list that others can import once ssh-keygen has signed it',
    async () => {
      await run('trust', 'add', A, '--name', 'Ada', '--group', 'us')
      const file = at('mine.toml')
      const ran = await run('trust', 'export', file, '--list', 'my rebuilders')
      expect(ran.stdout).toContain('ssh-keygen -Y sign -n rebuildnet-trust/1')
      const key = await generateSshKey(root, 'id')
      await writeFile(`${file}.sig`, await signWithSshKeygen(key, NAMESPACE, await readFile(file)))
      const line = (await readFile(`${key}.pub`, 'utf8')).trim()
      await run('trust', 'rm', A)
      const taken = await run('trust', 'import', file, '--signer', line, '--yes')
      expect(taken.stdout).toContain('took "my rebuilders"')
      expect(await trusted()).toEqual({ [A]: ['us'] })
    },
  )
})
