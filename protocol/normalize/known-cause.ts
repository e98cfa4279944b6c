/**
 * Files that differ between builds for a reason that everybody knows. A hint in a report, told by
 * the path alone: it excuses nothing.
 */

const CAUSES: readonly { readonly path: RegExp; readonly cause: string }[] = [
  { path: /^etc\/shadow-?$/, cause: 'the day of the last password change' },
  { path: /^var\/cache\/ldconfig\/aux-cache$/, cause: 'the cache of ldconfig holds inode times' },
  {
    path: /^var\/log\/(?:apt\/.*|dpkg\.log|alternatives\.log|bootstrap\.log)$/,
    cause: 'a log of apt or dpkg',
  },
  { path: /^var\/cache\/apt\/.*\.bin$/, cause: 'a cache of apt' },
  { path: /^var\/(?:lib\/dpkg|cache\/debconf)\/.*-old$/, cause: 'a backup of dpkg or debconf' },
  { path: /^(?:etc|var\/lib\/dbus)\/machine-id$/, cause: 'a machine id' },
  { path: /\.py[co]$/, cause: 'the source time in the header of compiled Python' },
  {
    path: /\.(?:tar|tgz|tar\.[a-z0-9]+|gz|zip|jar|war|whl|egg|a|deb|rpm|apk|cpio)$/,
    cause: 'times inside of an archive',
  },
  { path: /^etc\/(?:hosts|hostname|resolv\.conf)$/, cause: 'a file of the build host' },
]

/** Why the content of the file at `path` (escaped, without a leading slash) may differ. */
export function knownCause(path: string): string | undefined {
  return CAUSES.find((each) => each.path.test(path))?.cause
}
