/**
 * The indexes of package archives that a build fetched, as materials of its result.
 *
 * What an archive gives depends on its index alone: everything else is named by hash in it. A mirror
 * that serves an old index, or one that was updated between two rebuilds, explains two results that
 * differ. What came by https is not seen, and a build may not make a statement too large.
 */
import type { Material } from '../../protocol/rebuild.ts'
import { compareText } from '../../protocol/field.ts'
import type { FetchedFile } from './egress/http-relay.ts'

/** Of Debian and what descends from it, Alpine, and RPM. */
const INDEXES = ['InRelease', 'Release', 'APKINDEX.tar.gz', 'repomd.xml']

const MAX_INDEXES = 24
const MAX_URI_LENGTH = 160

export interface IndexMaterials {
  /** Sorted by uri. */
  readonly materials: readonly Material[]
  /** How many more were fetched than a statement has room for. */
  readonly left: number
}

export function indexMaterials(fetched: readonly FetchedFile[]): IndexMaterials {
  const all = fetched
    .filter(({ url }) => isIndex(url))
    .map(({ url, digest }) => ({ uri: url, digest }))
    .sort((a, b) => compareText(a.uri, b.uri) || compareText(a.digest, b.digest))
  const fitting = all.filter(({ uri }) => uri.length <= MAX_URI_LENGTH)
  const materials = fitting.slice(0, MAX_INDEXES)
  return { materials, left: all.length - materials.length }
}

function isIndex(url: string): boolean {
  if (!URL.canParse(url)) return false
  return INDEXES.includes(new URL(url).pathname.split('/').at(-1) ?? '')
}
