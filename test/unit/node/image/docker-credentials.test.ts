import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { loadCredentials } from '../../../../node/image/docker-credentials.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rebuildnet-credentials-'))
})

afterEach(async () => {
  await rm(folder, { recursive: true })
})

async function load(registry: string, config?: unknown) {
  if (config !== undefined)
    await writeFile(
      join(folder, 'config.json'),
      typeof config === 'string' ? config : JSON.stringify(config),
    )
  return loadCredentials(registry, {
    DOCKER_CONFIG: folder,
    PATH: `${folder}:${process.env.PATH ?? ''}`,
  })
}

async function helper(name: string, script: string): Promise<void> {
  const path = join(folder, `docker-credential-${name}`)
  await writeFile(path, `#!/bin/sh\n${script}\n`)
  await chmod(path, 0o755)
}

const base64 = (text: string) => Buffer.from(text).toString('base64')
const login = { kind: 'basic', username: 'me', password: 'se:cret' }

describe('loadCredentials', () => {
  it('is anonymous without a file, and without an entry', async () => {
    expect(await load('ghcr.io')).toBeUndefined()
    expect(await load('ghcr.io', {})).toBeUndefined()
    expect(
      await load('ghcr.io', {
        auths: { 'quay.io': { auth: base64('a:b') }, 'x.ghcr.io': { auth: base64('a:b') } },
      }),
    ).toBeUndefined()
    expect(await load('ghcr.io', { auths: { 'ghcr.io': {} } })).toBeUndefined()
  })

  it.each(['ghcr.io', 'https://ghcr.io', 'https://ghcr.io/v2/'])(
    'finds a login under the key %s',
    async (key) => {
      expect(
        await load('ghcr.io', { auths: { [key]: { auth: base64('me:se:cret\0\0') } } }),
      ).toEqual(login)
    },
  )

  it('finds the login of Docker Hub under its old address', async () => {
    expect(
      await load('docker.io', {
        auths: { 'https://index.docker.io/v1/': { auth: base64('me:se:cret') } },
      }),
    ).toEqual(login)
  })

  it('takes tokens before passwords', async () => {
    const auth = base64('me:x')
    expect(
      await load('a.example', { auths: { 'a.example': { auth, identitytoken: 'i' } } }),
    ).toEqual({ kind: 'identity-token', token: 'i' })
    expect(
      await load('a.example', { auths: { 'a.example': { auth, registrytoken: 'r' } } }),
    ).toEqual({ kind: 'registry-token', token: 'r' })
  })

  it('asks the helper of the host before the store, and the store before the file', async () => {
    await helper('one', `read s; printf '{"Username":"%s","Secret":"1"}' "$s"`)
    await helper('two', `read s; printf '{"Username":"%s","Secret":"2"}' "$s"`)
    const config = {
      credsStore: 'two',
      credHelpers: { 'a.example': 'one' },
      auths: { 'b.example': { auth: base64('me:x') } },
    }
    expect(await load('a.example', config)).toEqual({
      kind: 'basic',
      username: 'a.example',
      password: '1',
    })
    expect(await load('b.example', config)).toEqual({
      kind: 'basic',
      username: 'b.example',
      password: '2',
    })
    expect(await load('docker.io', config)).toMatchObject({
      username: 'https://index.docker.io/v1/',
    })
  })

  it('reads an identity token from a helper', async () => {
    await helper('one', `printf '{"Username":"<token>","Secret":"t"}'`)
    expect(await load('a.example', { credsStore: 'one' })).toEqual({
      kind: 'identity-token',
      token: 't',
    })
  })

  it('goes on to the file where the helper has nothing', async () => {
    await helper('one', `echo 'credentials not found in native keychain'; exit 1`)
    expect(
      await load('a.example', {
        credsStore: 'one',
        auths: { 'a.example': { auth: base64('me:se:cret') } },
      }),
    ).toEqual(login)
  })

  it.each([
    ['fails', `echo broken; exit 3`],
    ['says something else', `echo hello`],
    ['says too much', `head -c 100000 /dev/zero`],
  ])('is an error where the helper %s', async (_what, script) => {
    await helper('one', script)
    await expect(load('a.example', { credsStore: 'one' })).rejects.toMatchObject({
      code: 'credentials-invalid',
    })
  })

  it.each([
    ['a helper that is not there', { credsStore: 'absent' }],
    ['a helper outside of PATH', { credsStore: '../evil' }],
    ['an auth that is no login', { auths: { 'a.example': { auth: base64('nothing') } } }],
    ['a config of another shape', { auths: ['a.example'] }],
  ])('is an error with %s', async (_what, config) => {
    await expect(load('a.example', config)).rejects.toMatchObject({ code: 'credentials-invalid' })
  })

  it('repeats nothing of a config that it cannot read', async () => {
    const broken = '{"auths":{"a.example":{"auth":"c2VjcmV0"'
    await expect(load('a.example', broken)).rejects.toThrow(
      /^(?!.*c2VjcmV0).*config\.json is not a Docker configuration/,
    )
  })

  it('is an error where the file cannot be read', async () => {
    await mkdir(join(folder, 'config.json'))
    await expect(load('a.example')).rejects.toMatchObject({ code: 'credentials-invalid' })
  })
})
