/** How long an answer takes from a large store: in a fresh process, of another digest, and again. */
import { startChild, type Child } from './children.ts'
import { figure, heading, quantile, say } from './report.ts'
import { digestIn, imageName, imagesOf, releasesAnImage, scaleFolder } from './scale-store.ts'

const QUESTIONS = 1_000
/** Different ones that are asked again and again. */
const KEPT = 20

interface Reply {
  readonly ms: number
  readonly decision: string
  readonly reasons: readonly string[]
}

async function ask(child: Child, image: number, n: number): Promise<Reply> {
  child.tell({ image: `${imageName(image)}@${digestIn(image, n)}` })
  return child.next<Reply>()
}

export async function benchVerdict(size: number): Promise<void> {
  const root = await scaleFolder(size)
  const images = imagesOf(size)
  heading(`verdict: ${size} statements of ${images} projects, as the node's service answers`)
  const child = startChild('verdict.child.mjs', [root])
  await child.next()
  const first: number[] = []
  const decisions = new Map<string, number>()
  for (let image = 0; image < images; image++) {
    const { ms, decision, reasons } = await ask(child, image, (image * 7) % releasesAnImage)
    first.push(ms)
    if (!decisions.has(decision)) say(`${decision}: ${reasons.join(' ')}`)
    decisions.set(decision, (decisions.get(decision) ?? 0) + 1)
  }
  const other: number[] = []
  for (let i = 0; i < QUESTIONS; i++) {
    other.push((await ask(child, (i * 13) % images, (i * 31) % releasesAnImage)).ms)
  }
  const again: number[] = []
  for (let n = 0; n < KEPT; n++) await ask(child, 0, n)
  for (let i = 0; i < QUESTIONS; i++) again.push((await ask(child, 0, i % KEPT)).ms)
  await child.stop()
  console.log(`  decisions: ${JSON.stringify(Object.fromEntries(decisions))}`)
  figure('cold: first question about a project, p50', quantile(first, 0.5), 'ms')
  figure('cold: first question about a project, p99', quantile(first, 0.99), 'ms', { atMost: 20 })
  figure('cold: another digest of some project, p50', quantile(other, 0.5), 'ms')
  figure('cold: another digest of some project, p99', quantile(other, 0.99), 'ms', { atMost: 20 })
  figure('cached: asked again, p50', quantile(again, 0.5), 'ms')
  figure('cached: asked again, p99', quantile(again, 0.99), 'ms', { atMost: 1 })
}
