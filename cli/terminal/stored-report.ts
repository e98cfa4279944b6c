/**
 * How two images differ in what is stored, for a person: of the manifest, the config and each
 * layer the digests of the bytes. It is all there is to say where they differ at exact alone.
 */
import type { StoredImage } from '../../node/image/diff-references.ts'
import type { Output } from './output.ts'
import { faint, strong, warn } from './style.ts'

/** Of an image that is elsewhere the manifest digest alone is known. */
type Known = Pick<StoredImage, 'manifestDigest'> & Partial<StoredImage>

type Sides = readonly [string | undefined, string | undefined]

export function showStored(a: Known, b: Known, out: Output): void {
  const parts: [string, Sides][] = [
    ['manifest', [a.manifestDigest ?? undefined, b.manifestDigest ?? undefined]],
    ['config', [a.configDigest, b.configDigest]],
  ]
  const layers = Math.max(a.layers?.length ?? 0, b.layers?.length ?? 0)
  for (let layer = 0; layer < layers; layer++) {
    parts.push([`layer ${layer}`, [a.layers?.[layer], b.layers?.[layer]]])
  }
  const differing = parts.filter(([, [inA, inB]]) => inA !== inB)
  out.line('')
  out.line(strong('as stored'))
  for (const [name, [inA, inB]] of differing) {
    out.line('  ', warn('~'), ' ', strong(name))
    out.line(faint('      a '), inA ?? faint('none'))
    out.line(faint('      b '), inB ?? faint('none'))
  }
  if (differing.length === 1 && a.layers !== undefined) {
    out.line(faint('      config and layers are the same bytes: the manifest alone is another'))
  }
}
