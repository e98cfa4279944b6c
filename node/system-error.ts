/**
 * What the operating system said no to, as words for a person: why, and what to do about it.
 *
 * A full disk or a file of another user is nobody's bug, so it is not called an internal error.
 */

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied: run this as the user whom it belongs to, or choose another path',
  EPERM: 'the system does not permit it: run this as the user whom it belongs to',
  ENOENT: 'there is no such file or folder: check the path',
  ENOTDIR: 'a part of this path is no folder: choose another path',
  EISDIR: 'it is a folder: name a file',
  EEXIST: 'it is there already: choose another path',
  ENOSPC: 'no space is left on the disk: free some',
  EDQUOT: 'the disk quota is used up: free some space',
  EROFS: 'the file system is read-only: choose another path',
  EFBIG: 'the file is larger than this system allows',
  EIO: 'the disk or the terminal fails: look at the system log',
  ELOOP: 'its symbolic links go in a circle: choose another path',
  ENAMETOOLONG: 'the path is too long: choose a shorter one',
  EMFILE: 'too many files are open: raise the limit with "ulimit -n"',
  ENFILE: 'too many files are open on this machine: close some programs',
  ENXIO: 'nobody is at the other end of it: name a regular file',
  ENOMEM: 'the machine has too little memory: close some programs',
  EADDRINUSE: 'the address is in use: choose another',
  ECONNREFUSED: 'nobody answers there: check the address, and that it runs',
  ECONNRESET: 'the other side closed the connection: try again',
  ETIMEDOUT: 'the other side does not answer: try again',
  EPIPE: 'the other side closed the connection: try again',
}

/** Whether it is the system's error, not one of a family and not our own fault. */
export function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error)) return false
  const { code, syscall } = error as NodeJS.ErrnoException
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) && syscall !== undefined
}

/** Without the path, for whoever knows a better name for it. */
export function describeSystemError(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException
  return WORDS[code ?? ''] ?? message
}

/** One line: which file or address, why, and what to do. */
export function systemErrorLine(error: NodeJS.ErrnoException): string {
  const { address, port } = error as { readonly address?: string; readonly port?: number }
  const remote =
    address === undefined ? undefined : `${address}${port === undefined ? '' : `:${port}`}`
  const where = error.path ?? remote ?? error.syscall ?? ''
  return `${where}: ${describeSystemError(error)} (${error.code ?? ''})`
}
