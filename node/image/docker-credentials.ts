/**
 * Registry credentials from the Docker config file and its credential helpers.
 *
 * `$DOCKER_CONFIG/config.json` or `~/.docker/config.json`: `credHelpers` for the host, else
 * `credsStore`, else `auths`. A helper is the executable `docker-credential-NAME` on PATH, spoken
 * to as docker does it: `get`, the server's address on stdin, JSON on stdout.
 */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import { ImageError } from './image-error.ts'

export type Credentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** An OAuth2 refresh token, to be exchanged at the token server. */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** A bearer token for the registry itself. */
  | { readonly kind: 'registry-token'; readonly token: string }

const HELPER_TIMEOUT_MS = 30_000
const HELPER_MAX_OUTPUT_BYTES = 64 * 1024
/** The user name by which helpers mark an identity token. */
const TOKEN_USERNAME = '<token>'
const DOCKER_HUB_KEY = 'https://index.docker.io/v1/'

const authSchema = z.object({
  auth: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
  identitytoken: z.string().optional(),
  registrytoken: z.string().optional(),
})

const configSchema = z.object({
  auths: z.record(z.string(), authSchema).optional(),
  credHelpers: z.record(z.string(), z.string()).optional(),
  credsStore: z.string().optional(),
})

const helperSchema = z.object({ Username: z.string(), Secret: z.string() })

type DockerAuth = z.infer<typeof authSchema>

/** What the user's Docker login says for a registry (`host[:port]`), or undefined: anonymous. */
export async function loadCredentials(
  registry: string,
  env: Readonly<NodeJS.ProcessEnv>,
  signal?: AbortSignal,
): Promise<Credentials | undefined> {
  const path = join(env.DOCKER_CONFIG ?? join(env.HOME ?? homedir(), '.docker'), 'config.json')
  const config = await loadConfig(path)
  if (config === undefined) return undefined
  const key = registry === 'docker.io' ? DOCKER_HUB_KEY : registry
  const helper =
    find(config.credHelpers, registry) ?? (config.credsStore === '' ? undefined : config.credsStore)
  if (helper !== undefined) {
    const found = await askHelper(helper, key, env, signal)
    if (found !== undefined) return found
  }
  const auth = find(config.auths, registry)
  return auth === undefined ? undefined : parseAuth(auth, registry, path)
}

async function loadConfig(path: string): Promise<z.infer<typeof configSchema> | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? ''))
      return undefined
    throw invalid(`${path} cannot be read: ${(error as Error).message}`, error)
  }
  try {
    return configSchema.parse(JSON.parse(text))
  } catch {
    // Without the parser's own message: it may quote a secret.
    throw invalid(`${path} is not a Docker configuration file; mend it or set DOCKER_CONFIG`)
  }
}

/** The entry of a registry, whose key may be spelled as a URL (`https://HOST/v1/`). */
function find<T>(
  entries: Readonly<Record<string, T>> | undefined,
  registry: string,
): T | undefined {
  if (entries === undefined) return undefined
  if (Object.hasOwn(entries, registry)) return entries[registry]
  const hosts =
    registry === 'docker.io' ? ['index.docker.io', 'docker.io', 'registry-1.docker.io'] : [registry]
  for (const [key, value] of Object.entries(entries)) {
    const host = key.replace(/^https?:\/\//, '').replace(/\/.*$/, '')
    if (hosts.includes(host.toLowerCase())) return value
  }
  return undefined
}

function parseAuth(auth: DockerAuth, registry: string, path: string): Credentials | undefined {
  if (auth.identitytoken) return { kind: 'identity-token', token: auth.identitytoken }
  if (auth.registrytoken) return { kind: 'registry-token', token: auth.registrytoken }
  if (auth.username)
    return { kind: 'basic', username: auth.username, password: auth.password ?? '' }
  if (!auth.auth) return undefined
  const decoded = Buffer.from(auth.auth, 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  if (colon <= 0)
    throw invalid(`${path}: the auth of ${registry} is not base64 of user:password; log in again`)
  // Docker pads what it wrote with NULs.
  return {
    kind: 'basic',
    username: decoded.slice(0, colon),
    password: decoded.slice(colon + 1).replace(/\0+$/, ''),
  }
}

async function askHelper(
  name: string,
  server: string,
  env: Readonly<NodeJS.ProcessEnv>,
  signal: AbortSignal | undefined,
): Promise<Credentials | undefined> {
  if (!/^[A-Za-z0-9_.-]+$/.test(name))
    throw invalid(`the credential helper "${name}" is not a plain name`)
  const program = `docker-credential-${name}`
  const output = await runHelper(program, server, env, signal)
  if (output === undefined) return undefined
  let answer: z.infer<typeof helperSchema>
  try {
    answer = helperSchema.parse(JSON.parse(output))
  } catch {
    throw invalid(`${program} did not answer with credentials for ${server}`)
  }
  if (answer.Secret === '') return undefined
  return answer.Username === TOKEN_USERNAME
    ? { kind: 'identity-token', token: answer.Secret }
    : { kind: 'basic', username: answer.Username, password: answer.Secret }
}

/** What the helper printed, or undefined where it has nothing for this server. */
function runHelper(
  program: string,
  server: string,
  env: Readonly<NodeJS.ProcessEnv>,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const options = {
      env: { ...env },
      timeout: HELPER_TIMEOUT_MS,
      maxBuffer: HELPER_MAX_OUTPUT_BYTES,
      ...(signal === undefined ? {} : { signal }),
    }
    const child = execFile(program, ['get'], options, (error, stdout) => {
      if (error === null) return resolve(stdout)
      if (signal?.aborted === true) return reject(signal.reason as Error)
      // The one message by which helpers say "not found" rather than "failed".
      if (/credentials not found/i.test(stdout)) return resolve(undefined)
      const why =
        error.code === 'ENOENT'
          ? 'is not installed'
          : `failed: ${error.killed === true ? 'timed out' : stdout.trim().slice(0, 200)}`
      reject(invalid(`the credential helper ${program} ${why}`))
    })
    // A helper that exits without reading is told by its exit code.
    child.stdin?.on('error', () => undefined)
    child.stdin?.end(server)
  })
}

function invalid(message: string, cause?: unknown): ImageError {
  return new ImageError('credentials-invalid', message, { cause })
}
