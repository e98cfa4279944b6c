/** Where the API's unix socket of a data folder is. */
import { join } from 'node:path'
import { HttpError } from './http-error.ts'

/** sun_path of Linux is 108 bytes with its NUL; macOS has 104. */
const MAX_SOCKET_PATH_BYTES = process.platform === 'linux' ? 107 : 103

export function socketPath(dataFolder: string): string {
  const path = join(dataFolder, 'api.sock')
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw new HttpError(
      'socket-path-too-long',
      `${path} is longer than the ${MAX_SOCKET_PATH_BYTES} bytes that a unix socket's path may have: choose a shorter data folder with --data`,
    )
  }
  return path
}
