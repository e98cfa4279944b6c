import { describe, expect, it } from 'vitest'
import { indexMaterials } from '../../../../node/rebuild/fetched-materials.ts'

const digestOf = (letter: string) => `sha256:${letter.repeat(64)}`
const file = (url: string, letter = 'a') => ({ url, digest: digestOf(letter), bytes: 1 })
const SUITE = 'http://deb.example/debian/dists/bookworm'

describe('the materials of what a build fetched', () => {
  it('are the indexes of package archives, sorted, and nothing that they name by hash', () => {
    const fetched = [
      file(`${SUITE}/InRelease`, 'b'),
      file(`${SUITE}/main/binary-amd64/by-hash/SHA256/0123`),
      file('http://deb.example/debian/pool/main/h/hello/hello_2.10-3_amd64.deb'),
      file('http://apk.example/v3.20/main/x86_64/APKINDEX.tar.gz', 'c'),
      file('http://site.example/?/InRelease'),
    ]
    expect(indexMaterials(fetched)).toEqual({
      materials: [
        {
          uri: 'http://apk.example/v3.20/main/x86_64/APKINDEX.tar.gz',
          digest: digestOf('c'),
        },
        { uri: `${SUITE}/InRelease`, digest: digestOf('b') },
      ],
      left: 0,
    })
  })

  it('tell an archive that changed in the course of the build', () => {
    const fetched = [file(`${SUITE}/InRelease`, 'b'), file(`${SUITE}/InRelease`, 'a')]
    expect(indexMaterials(fetched).materials.map(({ digest }) => digest)).toEqual([
      digestOf('a'),
      digestOf('b'),
    ])
  })

  it('leave room in a statement, whatever a recipe fetches, and say what is left out', () => {
    const many = Array.from({ length: 5000 }, (_, at) => file(`http://x.example/${at}/InRelease`))
    const long = file(`http://x.example/${'x'.repeat(4000)}/InRelease`)
    const { materials, left } = indexMaterials([...many, long])
    expect(Buffer.byteLength(JSON.stringify(materials))).toBeLessThan(6 * 1024)
    expect(left).toBe(5001 - materials.length)
  })
})
