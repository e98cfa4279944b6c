/** Where the API's unix socket of a data folder is, and whether somebody serves it. */
import { connect } from 'node:net'
import { dataFolder } from '../data-folder.ts'
import { HttpError } from './http-error.ts'

/** sun_path of Linux is 108 bytes with its NUL; macOS has 104. */
const MAX_SOCKET_PATH_BYTES = process.platform === 'linux' ? 107 : 103

export function socketPath(root: string): string {
  const path = dataFolder(root).socket
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw new HttpError(
      'socket-path-too-long',
      `${path} is longer than the ${MAX_SOCKET_PATH_BYTES} bytes that a unix socket's path may have: choose a shorter data folder with --data`,
    )
  }
  return path
}

/** Whether a process answers on the socket; the file alone may be left from a node that was killed. */
export function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}
