/** Folders on disk for tools to pack. Owners are given to the tool, since only root could set them. */
import { execFileSync } from 'node:child_process'
import { chmod, link, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

/** What fits into the headers of every dialect. */
export async function writePlainTree(folder: string): Promise<void> {
  const file = async (path: string, content: string, mode = 0o644): Promise<void> => {
    await writeFile(join(folder, path), content)
    await chmod(join(folder, path), mode)
  }
  for (const path of ['bin', 'etc/conf.d', 'var/empty', 'é ü']) {
    await mkdir(join(folder, path), { recursive: true })
  }
  await chmod(join(folder, 'var/empty'), 0o1777)
  await file('bin/su', 'setuid\n', 0o4755)
  await file('bin/wall', 'setgid\n', 0o2755)
  await file('etc/passwd', 'root:x:0:0:root:/root:/bin/sh\n')
  await file('etc/shadow', 'secret', 0o600)
  await file('etc/conf.d/none', '')
  for (const size of [511, 512, 513, 70_000]) await file(`var/${size}`, 'x'.repeat(size))
  await file('é ü/ö', 'not ASCII')
  await link(join(folder, 'etc/passwd'), join(folder, 'etc/a-link'))
  await link(join(folder, 'etc/passwd'), join(folder, 'var/z-link'))
  await symlink('../etc/passwd', join(folder, 'bin/relative'))
  await symlink('/etc/passwd', join(folder, 'bin/absolute'))
  await symlink('nowhere', join(folder, 'bin/dangling'))
  execFileSync('sh', ['-c', 'mkfifo -m 620 "$0"', join(folder, 'var/fifo')])
}

/** And what needs an extension header: long names, long targets. */
export async function writeWideTree(folder: string): Promise<void> {
  await writePlainTree(folder)
  const deep = join(folder, 'deep', 'd'.repeat(120), 'e'.repeat(200))
  await mkdir(deep, { recursive: true })
  await writeFile(join(deep, 'f'.repeat(255)), 'long')
  await writeFile(join(folder, 'g'.repeat(100)), 'a name as long as the field')
  await writeFile(join(folder, 'h'.repeat(101)), 'a name longer than the field')
  await link(join(deep, 'f'.repeat(255)), join(folder, 'to-long'))
  await symlink('t'.repeat(100), join(folder, 'link-100'))
  await symlink('../t'.repeat(300), join(folder, 'link-1200'))
}
