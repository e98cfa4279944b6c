/**
 * Reads a layer with a program that does not answer, and leaves in the middle of it with the code 7.
 * `leave-while-inflating.ts BLOB PROGRAM DIFF-ID FILE-THAT-THE-PROGRAM-MAKES`
 */
import { existsSync, readFileSync, statSync } from 'node:fs'
import { nodeCrypto } from '../../node/crypto/node-crypto.ts'
import { ImageLayers } from '../../node/image/image-layers.ts'
import { DEFAULT_PROFILE } from '../../protocol/normalize/profile.ts'

const [file = '', inflater = '', diffID = '', started = ''] = process.argv.slice(2)
const blob = readFileSync(file)
const layers = new ImageLayers({ crypto: nodeCrypto }, { profile: DEFAULT_PROFILE, inflater })
const open = async function* () {
  yield await Promise.resolve(blob)
}
const layer = { size: blob.length, diffID: diffID }
void layers.read({ layers: [layer], numbered: false, open })
let turns = 0
setInterval(() => {
  // It has got its first byte. What the threads said before that has been heard a turn later.
  if (existsSync(started) && statSync(started).size > 0 && turns++ > 0) process.exit(7)
}, 10)
