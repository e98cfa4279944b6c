/**
 * Builds dist/. Quick when it is current; silent where TypeScript is not installed but dist/ is
 * there (an installed package).
 */
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const main = join(root, 'dist/cli/main.js')
const stamp = join(root, 'dist/.built')
const compiler = join(root, 'node_modules/typescript/lib/tsc.js')

/** The time of the latest change below `folder`, in milliseconds. */
function newest(folder) {
  let latest = statSync(folder).mtimeMs
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    latest = Math.max(latest, entry.isDirectory() ? newest(path) : statSync(path).mtimeMs)
  }
  return latest
}

function isCurrent() {
  if (!existsSync(stamp) || !existsSync(main)) return false
  const built = statSync(stamp).mtimeMs
  const sources = ['protocol', 'node', 'cli'].map((name) => newest(join(root, name)))
  const settings = ['tsconfig.json', 'tsconfig.base.json'].map(
    (n) => statSync(join(root, n)).mtimeMs,
  )
  return Math.max(...sources, ...settings) <= built
}

if (!existsSync(compiler)) {
  if (existsSync(main)) process.exit(0)
  console.error('rebuildnet: dist/ is missing and TypeScript is not installed: run npm ci')
  process.exit(1)
}
if (isCurrent()) process.exit(0)
const started = new Date()
const { status } = spawnSync(process.execPath, [compiler, '-b'], { cwd: root, stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)
chmodSync(main, 0o755)
writeFileSync(stamp, '')
utimesSync(stamp, started, started)
