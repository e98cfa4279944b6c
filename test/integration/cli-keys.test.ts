/** `key backup`, `restore` and `show`, as they are typed; and a node that was restored. */
import { execFileSync } from 'node:child_process'
import { cp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest'
import { runHere, type RunOptions } from '../support/command-line.ts'
import { makeNodeFolder, prepareVotes, startFolder, writeSettings } from '../support/real-node.ts'
import { generateSshKey } from '../support/openssh.ts'
import { temporaryFolder } from '../support/temporary-store.ts'
import { waitFor } from '../support/wait-for.ts'

const PASSPHRASE = 'a rather long passphrase'

let root: string
beforeEach(async () => {
  root = await temporaryFolder()
})

const at = (name: string): string => join(root, name)

function runWith(options: RunOptions, node: string, ...argv: string[]) {
  return runHere([...argv, '--data', at(node)], options)
}
const run = (node: string, ...argv: string[]) => runWith({}, node, ...argv)

async function must(node: string, ...argv: string[]): Promise<unknown> {
  const ran = await run(node, ...argv, '--json')
  if (ran.exitCode !== 0) throw new Error(`${argv.join(' ')}: ${ran.stderr}`)
  return ran.json
}

async function passphraseFile(text = `${PASSPHRASE}\n`): Promise<string> {
  await writeFile(at('passphrase'), text)
  return at('passphrase')
}

describe('key backup and restore', () => {
  it('make the same operator in a fresh folder', async () => {
    await must('ada', 'init', '--name', 'Ada')
    const file = await passphraseFile()
    const backup = await must('ada', 'key', 'backup', at('b'), '--passphrase-file', file)
    expect(backup).toMatchObject({ file: at('b'), encrypted: true, rootKey: false, card: 1 })
    expect((await stat(at('b'))).mode & 0o777).toBe(0o600)
    const text = await readFile(at('b'), 'utf8')
    const signingKey = (await readFile(at('ada/keys/signing.key'), 'utf8')).trim()
    expect(text).not.toContain(signingKey)
    expect(Buffer.from(text.split('\n\n')[1] ?? '', 'base64').toString('latin1')).not.toContain(
      signingKey,
    )

    const restored = await must('new', 'key', 'restore', at('b'), '--passphrase-file', file)
    const { operator, key } = backup as { operator: string; key: string }
    expect(restored).toMatchObject({ dataFolder: at('new'), operator, key, rootKey: false })
    expect((await stat(at('new/keys/signing.key'))).mode & 0o777).toBe(0o600)
    expect(await must('new', 'status')).toMatchObject({ operator, key })
    expect(await must('new', 'key', 'show')).toMatchObject({ operator, key, listed: true, card: 1 })
    // It has no root key: cards are made where that is.
    const renew = ['operator', 'renew', '--yes', '--anyway', '--draft', at('draft')]
    const renewed = await must('new', ...renew)
    expect(renewed).toMatchObject({ complete: false })
  })

  it('take the root key along where that is asked for, and cards can be made then', async () => {
    await must('ada', 'init', '--name', 'Ada')
    await must('ada', 'key', 'backup', at('b'), '--with-root', '--no-passphrase')
    await must('new', 'key', 'restore', at('b'))
    const renew = ['operator', 'renew', '--yes']
    expect(await must('new', ...renew, '--anyway')).toMatchObject({ version: 2 })
  })

  it('make no card before a peer was heard: the operator may have made a newer one since', async () => {
    await must('ada', 'init', '--name', 'Ada')
    await must('ada', 'key', 'backup', at('b'), '--with-root', '--no-passphrase')
    await must('ada', 'key', 'backup', at('bare.b'), '--no-passphrase')
    await must('ada', 'operator', 'renew', '--yes')
    const { key } = (await must('new', 'key', 'restore', at('b'))) as { key: string }
    // Somebody else drew it up who knows no more than the backup does.
    const draft = at('draft')
    await must('bare', 'key', 'restore', at('bare.b'))
    await must('bare', 'operator', 'renew', '--yes', '--anyway', '--draft', draft)
    const commands = [['renew'], ['rotate'], ['rotate', '--root'], ['revoke', key], ['sign', draft]]
    for (const command of commands) {
      const ran = await run('new', 'operator', ...command, '--yes')
      expect(ran.exitCode, command.join(' ')).toBe(2)
      expect(ran.stderr).toMatch(/^rebuildnet: .*no peer .*--anyway.*\n$/)
    }
    expect(await must('new', 'operator', 'show')).toMatchObject({ version: 1 })
  })

  it('ask for the passphrase on the terminal, twice, and show nothing of it', async () => {
    await must('ada', 'init', '--name', 'Ada')
    const typed = `${PASSPHRASE}\r`
    const made = await runWith(
      { terminal: true, typedEach: typed },
      'ada',
      'key',
      'backup',
      at('b'),
    )
    expect(made.exitCode, made.stderr).toBe(0)
    const opened = await runWith(
      { terminal: true, typedEach: typed },
      'n',
      'key',
      'restore',
      at('b'),
    )
    expect(opened.exitCode, opened.stderr).toBe(0)
    for (const { stdout, stderr } of [made, opened]) {
      expect(stdout + stderr).not.toMatch(/passphrase\r|rather|a r/)
    }
  })

  it('refuse a weak or empty passphrase, and one that nobody gave', async () => {
    await must('ada', 'init', '--name', 'Ada')
    const cases = [
      ['', 'is empty'],
      ['short\n', 'fewer than 12 characters'],
      ['aaaaaaaaaaaaaaaaaaaa\n', 'fewer than 6 different'],
      [`${PASSPHRASE}\nmore\n`, 'more than one line'],
    ] as const
    for (const [text, why] of cases) {
      const file = await passphraseFile(text)
      const ran = await run('ada', 'key', 'backup', at('b'), '--passphrase-file', file)
      expect(ran.exitCode).toBe(2)
      expect(ran.stderr).toContain(why)
    }
    const none = await run('ada', 'key', 'backup', at('b'))
    expect(none.exitCode).toBe(2)
    expect(none.stderr).toContain('--passphrase-file')
    await expect(stat(at('b'))).rejects.toThrow('ENOENT')
  })

  it('leave the backup in the clear only where that is said, and warn', async () => {
    await must('ada', 'init', '--name', 'Ada')
    const ran = await run('ada', 'key', 'backup', at('b'), '--no-passphrase')
    expect(ran.exitCode).toBe(0)
    expect(ran.stderr).toContain('is not encrypted')
    expect(await must('new', 'key', 'restore', at('b'))).toMatchObject({ dataFolder: at('new') })
  })

  it('read nothing that has no end: no device, and no pipe that nobody writes to', async () => {
    await must('ada', 'init', '--name', 'Ada')
    execFileSync('mkfifo', [at('pipe')])
    for (const path of ['/dev/zero', at('pipe')]) {
      const restored = await run('new', 'key', 'restore', path)
      const renewed = await run('ada', 'operator', 'renew', '--yes', '--root-key', path)
      for (const { exitCode, stderr } of [restored, renewed]) {
        expect(stderr).toContain(`${path}: it is no regular file`)
        expect(exitCode).toBe(2)
      }
    }
  })

  it('write over no file, no key and no other operator', async () => {
    await must('ada', 'init', '--name', 'Ada')
    await must('bob', 'init', '--name', 'Bob')
    await must('ada', 'key', 'backup', at('b'), '--no-passphrase')
    const again = await run('ada', 'key', 'backup', at('b'), '--no-passphrase')
    expect(again.stderr).toContain('is not overwritten')
    const before = await readFile(at('bob/keys/signing.key'), 'utf8')
    const over = await run('bob', 'key', 'restore', at('b'))
    expect(over.exitCode).toBe(2)
    expect(over.stderr).toContain('never overwritten')
    // Without its signing key it is no data folder, and still Bob's.
    await rm(at('bob/keys/signing.key'))
    const half = await run('bob', 'key', 'restore', at('b'))
    expect(half.exitCode).toBe(2)
    expect(half.stderr).toContain('of another operator')
    await expect(stat(at('bob/keys/signing.key'))).rejects.toThrow('ENOENT')
    expect(before).toMatch(/^[0-9a-f]{64}\n$/)
  })

  it('say what is wrong with a passphrase or a file', async () => {
    await must('ada', 'init', '--name', 'Ada')
    const file = await passphraseFile()
    await must('ada', 'key', 'backup', at('b'), '--passphrase-file', file)
    const wrong = await passphraseFile('another long passphrase\n')
    const other = await run('new', 'key', 'restore', at('b'), '--passphrase-file', wrong, '--json')
    expect(other).toMatchObject({ exitCode: 2, json: { error: { code: 'backup-locked' } } })
    const text = await readFile(at('b'), 'utf8')
    await writeFile(at('cut'), text.slice(0, -20))
    const cut = await run('new', 'key', 'restore', at('cut'), '--passphrase-file', wrong, '--json')
    expect(cut).toMatchObject({ exitCode: 2, json: { error: { code: 'backup-malformed' } } })
    const unasked = await run('new', 'key', 'restore', at('b'))
    expect(unasked.exitCode).toBe(2)
    expect(unasked.stderr).toContain('--passphrase-file')
    await expect(stat(at('new'))).rejects.toThrow('ENOENT')
  })

  it('leave an SSH root key to those who keep it', async () => {
    const ssh = await generateSshKey(root, 'id')
    await must('ada', 'init', '--name', 'Ada', '--ssh-root', ssh)
    const ran = await run('ada', 'key', 'backup', at('b'), '--with-root', '--no-passphrase')
    expect(ran.stderr).toContain('is an SSH key')
    await must('ada', 'key', 'backup', at('b'), '--no-passphrase')
    await must('new', 'key', 'restore', at('b'))
    expect(await readFile(at('new/keys/root.pub'), 'utf8')).toBe(
      await readFile(at('ada/keys/root.pub'), 'utf8'),
    )
  })
})

describe('key show', () => {
  it('shows key, fingerprint, operator, expiry and files, and no secret', async () => {
    await must('ada', 'init', '--name', 'Ada')
    const { stdout } = await run('ada', 'key', 'show')
    const secret = (await readFile(at('ada/keys/signing.key'), 'utf8')).trim()
    expect(stdout).not.toContain(secret)
    expect(stdout).toMatch(/fingerprint +SHA256:\S{43}\n/)
    expect(stdout).toMatch(/expires +good until/)
    expect(stdout).toContain(at('ada/keys/root.key'))
  })
})

it('a node restored from its keys alone opens a new log behind the old, and is believed', async () => {
  const [maintainer, ada, bob] = await Promise.all(
    ['maintainer', 'ada', 'bob'].map((name) => makeNodeFolder(name)),
  )
  for (const each of [maintainer!, ada!, bob!]) {
    await writeSettings(each, maintainer!, [ada!, bob!])
  }
  await prepareVotes(maintainer!, [ada!, bob!])
  const first = await startFolder(maintainer!)
  // Before it has signed any head: what came after is not in the backup.
  const file = at('ada.backup')
  await runHere(['key', 'backup', file, '--no-passphrase', '--data', ada!.root])
  const running = await startFolder(ada!, [first.address])
  const old = await waitFor('the log is signed, and known', async () => {
    const { own } = (await running.service.status()).logs
    const { operators } = (await first.service.status()).logs
    const heard = operators.find(({ name }) => name === 'ada')
    // Whole: what nobody has when the first node is gone, nobody can give.
    return own.head !== null && heard?.newestHead === own.head.time && heard.complete && own
  })
  expect(old.origin).toMatch(/\/0$/)
  await running.stop()

  // The original may have made a card since, and a copy that stands still cannot know.
  const copy = at('copy')
  await cp(ada!.root, copy, { recursive: true })
  for (const [data, copied] of [
    [ada!.root, false],
    [copy, true],
  ] as const) {
    const { json } = await runHere(['status', '--json', '--data', data])
    expect(json).toMatchObject({ logs: { own: { whole: true, copied } } })
  }
  const renewed = await runHere(['operator', 'renew', '--yes', '--data', copy])
  expect(renewed).toMatchObject({ exitCode: 2 })
  expect(renewed.stderr).toContain('restored or copied')

  const fresh = at('fresh')
  onTestFinished(() => rm(fresh, { recursive: true, force: true }))
  await runHere(['key', 'restore', file, '--data', fresh])
  await writeFile(join(fresh, 'config.toml'), 'format = 1\nmin_free_mb = 0\n')
  await writeSettings({ ...ada!, root: fresh }, maintainer!, [ada!, bob!])
  const restored = await startFolder({ ...ada!, root: fresh }, [first.address])
  const own = await waitFor('the restored node signs', async () => {
    const { logs } = await restored.service.status()
    return logs.own.head?.size === logs.own.size && logs.own
  })
  expect(own).toMatchObject({ reopened: { n: 1 } })
  expect(own.origin).toMatch(/\/1$/)
  await waitFor('the maintainer has all of the new log', async () => {
    const { head } = (await restored.service.status()).logs.own
    const { operators } = (await first.service.status()).logs
    const heard = operators.find(({ name }) => name === 'ada')
    return heard?.complete === true && heard.newestHead === head?.time
  })
  const { operators } = (await first.service.status()).logs
  expect(operators.find(({ name }) => name === 'ada')?.equivocation).toBeNull()
})
