/** How a node finds others, in words; that it is alone must not be overlooked. */
import type { Discovery } from '../../node/node.ts'
import { warn, type Text } from './style.ts'
import { countWords } from './words.ts'

export function discoveryFact({ bootstrap, mdns, remembered }: Discovery): Text {
  const ways = [
    ...(bootstrap === 0 ? [] : [countWords(bootstrap, 'bootstrap node')]),
    ...(remembered === 0 ? [] : [`${countWords(remembered, 'peer')} from before`]),
    ...(mdns ? ['the local network'] : []),
  ]
  if (ways.length === 0) {
    return warn(
      'none: this node is alone until another one dials it; name one to start from with --bootstrap',
    )
  }
  if (bootstrap + remembered === 0) {
    return warn('the local network only: no node elsewhere is found without --bootstrap')
  }
  return ways.join(', ')
}
