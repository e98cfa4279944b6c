/** How long an answer takes from a large store: in a fresh process, of another digest, and again. */
import { startChild, type Child } from './children.ts'
import { figure, heading, quantile, say } from './report.ts'
import { digestIn, imageName, imagesOf, releasesAnImage, scaleFolder } from './scale-store.ts'

const QUESTIONS = 1_000
/** Different ones that are asked again and again. */
const KEPT = 20

interface Reply {
  readonly ms: number
  /** What the process took of all cores for it: on a machine that does other work too, look at this. */
  readonly cpuMs: number
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
  const first: Reply[] = []
  const decisions = new Map<string, number>()
  for (let image = 0; image < images; image++) {
    const reply = await ask(child, image, (image * 7) % releasesAnImage)
    const { decision, reasons } = reply
    first.push(reply)
    if (!decisions.has(decision)) say(`${decision}: ${reasons.join(' ')}`)
    decisions.set(decision, (decisions.get(decision) ?? 0) + 1)
  }
  const other: Reply[] = []
  for (let i = 0; i < QUESTIONS; i++) {
    other.push(await ask(child, (i * 13) % images, (i * 31) % releasesAnImage))
  }
  const again: Reply[] = []
  for (let n = 0; n < KEPT; n++) await ask(child, 0, n)
  for (let i = 0; i < QUESTIONS; i++) again.push(await ask(child, 0, i % KEPT))
  await child.stop()
  console.log(`  decisions: ${JSON.stringify(Object.fromEntries(decisions))}`)
  show('cold: first question about a project', first, 20)
  show('cold: another digest of some project', other, 20)
  show('cached: asked again', again, 1)
}

function show(name: string, replies: readonly Reply[], atMost: number): void {
  const times = replies.map(({ ms }) => ms)
  const cpu = replies.map(({ cpuMs }) => cpuMs)
  figure(`${name}, p50`, quantile(times, 0.5), 'ms')
  figure(`${name}, p99`, quantile(times, 0.99), 'ms', { atMost })
  figure(`${name}, p50 of CPU`, quantile(cpu, 0.5), 'ms')
}
