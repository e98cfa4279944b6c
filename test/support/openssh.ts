/** The real ssh-keygen and ssh-agent, on files of a temporary folder. */
import { execFile, spawn } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** Makes `name` and `name.pub` in `folder`; returns the path of the private one. */
export async function generateSshKey(folder: string, name: string): Promise<string> {
  const file = join(folder, name)
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', file])
  return file
}

/** The armored signature over `message`. */
export async function signWithSshKeygen(
  keyFile: string,
  namespace: string,
  message: Uint8Array,
  options: readonly string[] = [],
): Promise<string> {
  const args = ['-Y', 'sign', '-q', '-n', namespace, '-f', keyFile, ...options]
  return pipe(args, message)
}

/** What `ssh-keygen -Y verify` says of a signature; throws where it says no. */
export async function verifyWithSshKeygen(
  folder: string,
  keyLine: string,
  namespace: string,
  message: Uint8Array,
  armored: string,
): Promise<string> {
  const [signers, signature] = [join(folder, 'allowed_signers'), join(folder, 'signature.sig')]
  await writeFile(signers, `alice ${keyLine}\n`)
  await writeFile(signature, armored)
  const args = ['-Y', 'verify', '-f', signers, '-I', 'alice', '-n', namespace, '-s', signature]
  return pipe(args, message)
}

function pipe(args: readonly string[], input: Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('ssh-keygen', args, { stdio: ['pipe', 'pipe', 'pipe'] })
    let [out, error] = ['', '']
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (error += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) => {
      if (code === 0) resolve(out)
      else reject(new Error(`ssh-keygen ${args.join(' ')}: ${error}${out}`))
    })
    child.stdin.on('error', () => undefined)
    child.stdin.end(input)
  })
}
