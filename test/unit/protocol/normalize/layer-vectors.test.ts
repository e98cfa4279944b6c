import { describe, expect, it } from 'vitest'
import { LAYER_ERROR_CODES } from '../../../../protocol/normalize/normalize-error.ts'
import { loadLayerVectors, vectorOptions, vectorTar } from '../../../support/layer-vectors.ts'
import { tryLayer } from '../../../support/read-layer.ts'

const vectors = loadLayerVectors()

/** The figures that the definition of the profile gives. */
const DEFINED = {
  'an empty layer': '58477f30835838a89f497f0f03a9248a269589ea0eb09f3bd0917aa1ebc11132',
  'a file': '1eac6ec462c208ec2896f94f4cb463065dbbd5e1055d2bc759d27efe435523b5',
  'a directory with a symlink': 'c1998f8523d656849f3bebbd1d1c569acf8020de8b825cd64c1ec6ca8b2d91a7',
  'a hardlink': 'dcb05bc58b5a5b7b65520c7e4fee89e3265652592df000ff38acf2644ef04bff',
  'an opaque directory with a whiteout':
    'b7836528e0ee2761a6affb5301bda80fdc7afc9625ab6f7f053816375526e1df',
}

describe('layer vectors', () => {
  it('hold the digests that define the profile', () => {
    for (const [name, digest] of Object.entries(DEFINED)) {
      expect(vectors.find((each) => each.name === name)?.digest, name).toBe(digest)
    }
  })

  it('have one for every code that a layer can be refused with', () => {
    const seen = new Set(vectors.map((each) => each.error))
    expect(LAYER_ERROR_CODES.filter((code) => !seen.has(code))).toEqual([])
  })

  it('have names of their own', () => {
    expect(new Set(vectors.map((each) => each.name)).size).toBe(vectors.length)
  })

  it.each(vectors)('$name', (vector) => {
    const tar = vectorTar(vector)
    const read = (pieceBytes?: number) =>
      tryLayer(tar, {
        ...vectorOptions(vector),
        ...(pieceBytes === undefined ? {} : { pieceBytes }),
      })
    const whole = read()
    if ('error' in whole) expect(whole.error.code, whole.error.message).toBe(vector.error)
    else expect(whole.digest).toBe(vector.digest)
    for (const pieceBytes of [512, 1, 700]) expect(read(pieceBytes)).toEqual(whole)
  })
})
