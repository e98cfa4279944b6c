/**
 * The members of a layer shaped like a Debian root of 450 packages: 30,000 entries, most
 * directories small, a few of them with thousands of names.
 */
import type { TarMember } from './tar-writer.ts'

const PACKAGES = 450

/** `changed` names files whose content is another. */
export function debianLikeMembers(changed: ReadonlySet<string> = new Set()): TarMember[] {
  const members: TarMember[] = []
  const directories = new Set<string>()
  const add = (path: string): void => {
    const parts = path.split('/')
    for (let i = 1; i < parts.length; i++) {
      const directory = parts.slice(0, i).join('/')
      if (directories.has(directory)) continue
      directories.add(directory)
      members.push({ path: directory, type: 'directory', mode: 0o755 })
    }
    members.push({ path, content: changed.has(path) ? 'other' : path, mode: 0o644 })
  }
  for (let i = 0; i < PACKAGES; i++) {
    const name = `package-${String(i).padStart(4, '0')}`
    for (const end of ['list', 'md5sums', 'postinst']) add(`var/lib/dpkg/info/${name}.${end}`)
    for (const file of ['copyright', 'changelog.Debian.gz']) add(`usr/share/doc/${name}/${file}`)
    add(`usr/bin/tool-${i}`)
    add(`usr/lib/x86_64-linux-gnu/lib${name}.so.1.2.${i}`)
    for (let j = 0; j < 12; j++) add(`usr/lib/python3/dist-packages/m${i}/file_${j}.py`)
    for (let j = 0; j < 16; j++) add(`usr/share/${name}/data/part-${j}.dat`)
    for (let j = 0; j < 14; j++) add(`usr/share/locale/l${i}/LC_MESSAGES/${j}.mo`)
    for (let j = 0; j < 12; j++) add(`usr/include/${name}/header-${j}.h`)
  }
  return members
}

/** Ten files in ten directories, some of them large. */
export const SCATTERED = [
  'var/lib/dpkg/info/package-0300.list',
  'usr/share/doc/package-0001/copyright',
  'usr/share/doc/package-0400/changelog.Debian.gz',
  'usr/bin/tool-250',
  'usr/lib/x86_64-linux-gnu/libpackage-0300.so.1.2.300',
  'usr/lib/python3/dist-packages/m400/file_3.py',
  'usr/share/package-0005/data/part-7.dat',
  'usr/share/locale/l10/LC_MESSAGES/4.mo',
  'usr/include/package-0377/header-1.h',
  'usr/include/package-0378/header-2.h',
]
