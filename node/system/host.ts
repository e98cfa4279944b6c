/** What a rebuild statement says about the machine that made it. */
import { readFileSync } from 'node:fs'
import { arch, cpus, release, type } from 'node:os'

export interface HostFacts {
  /** `Linux 6.1.0-18-amd64` */
  readonly kernel: string
  readonly cpu: string
  /** `linux/amd64` */
  readonly platform: string
}

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  ia32: '386',
  arm64: 'arm64',
  arm: 'arm/v7',
  ppc64: 'ppc64le',
  riscv64: 'riscv64',
  s390x: 's390x',
  loong64: 'loong64',
}

const MAX_FACT_LENGTH = 128

export function hostPlatform(): string {
  return `linux/${ARCHITECTURES[arch()] ?? arch()}`
}

export function readHostFacts(): HostFacts {
  return {
    kernel: tidy(`${type()} ${release()}`),
    cpu: tidy(cpus()[0]?.model ?? '') || arch(),
    platform: hostPlatform(),
  }
}

/** Printable ASCII of bounded length: the text goes into a signed statement. */
function tidy(text: string): string {
  return text
    .replaceAll(/[^\u0020-\u007e]+/g, ' ')
    .replaceAll(/ +/g, ' ')
    .trim()
    .slice(0, MAX_FACT_LENGTH)
}

/** True where building for `platform` here runs its programs under an emulator. */
export function isEmulated(platform: string, host: string = hostPlatform()): boolean {
  const [os, architecture] = platform.split('/')
  const [hostOs, hostArchitecture] = host.split('/')
  if (os === hostOs && architecture === hostArchitecture) return false
  // A 64-bit x86 processor runs 32-bit programs itself.
  return !(host === 'linux/amd64' && platform === 'linux/386')
}

/** The names that the kernel's binfmt_misc gives to the interpreters that QEMU registers. */
const QEMU_NAMES: Readonly<Record<string, string>> = {
  amd64: 'qemu-x86_64',
  '386': 'qemu-i386',
  arm64: 'qemu-aarch64',
  arm: 'qemu-arm',
  ppc64le: 'qemu-ppc64le',
  riscv64: 'qemu-riscv64',
  s390x: 'qemu-s390x',
  loong64: 'qemu-loongarch64',
}

/** True where programs of `platform` can run here at all. */
export function canRun(platform: string): boolean {
  if (!isEmulated(platform)) return true
  const name = QEMU_NAMES[platform.split('/')[1] ?? '']
  if (name === undefined) return false
  try {
    return readFileSync(`/proc/sys/fs/binfmt_misc/${name}`, 'utf8').startsWith('enabled')
  } catch {
    return false
  }
}
