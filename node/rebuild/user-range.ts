/**
 * Which user ids of this machine stand for those of a build.
 *
 * Root of a build is to be nobody on the machine, and nobody of any other build: 65536 ids that
 * no user has and that no line of /etc/subuid or /etc/subgid hands out, another range each time.
 */
import { randomInt } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { USER_RANGE_SIZE } from './sandbox-script.ts'

/** Where the kernel and the system say who has which ids; other places in tests. */
export interface UserRangePaths {
  readonly own: string
  readonly handedOut: readonly string[]
}

const SYSTEM_PATHS: UserRangePaths = {
  own: '/proc/self/uid_map',
  handedOut: ['/etc/subuid', '/etc/subgid'],
}

/** Ids that systemd leaves to containers; useradd hands out lower ones. */
const FIRST = 0x5800_0000
const LAST = 0x6fff_0000
const ATTEMPTS = 64

/** The first id of a free range, or undefined where this process has none to give. */
export async function chooseUserRange(
  paths: UserRangePaths = SYSTEM_PATHS,
): Promise<number | undefined> {
  const all = await ownIds(paths.own)
  // A container may have no more than one range; its second half is as good as any.
  const [from, to] = all > LAST ? [FIRST, LAST] : [USER_RANGE_SIZE, all]
  const ranges = Math.floor((to - from) / USER_RANGE_SIZE)
  if (ranges < 1) return undefined
  const taken = (await Promise.all(paths.handedOut.map(readRanges))).flat()
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const first = from + USER_RANGE_SIZE * randomInt(ranges)
    const isFree = taken.every(([start, end]) => end <= first || start >= first + USER_RANGE_SIZE)
    if (isFree) return first
  }
  return undefined
}

/** How many ids, from 0 on, this process's own user namespace has. */
async function ownIds(path: string): Promise<number> {
  const [inside, , count] = (await readText(path)).trim().split(/\s+/).map(Number)
  return inside === 0 ? (count ?? 0) : 0
}

/** Lines `name:first:count`. */
async function readRanges(path: string): Promise<(readonly [number, number])[]> {
  return (await readText(path)).split('\n').flatMap((line) => {
    const [, first = NaN, count = NaN] = line.split(':').map(Number)
    return Number.isInteger(first + count) ? [[first, first + count] as const] : []
  })
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}
