#!/usr/bin/env node
/**
 * The command. Nothing is imported before the version of Node has been checked: on one that is too
 * old, some import deep below would fail with words that help nobody.
 */
const { complainAboutNode } = await import('./node-version.ts')
const complaint = complainAboutNode(process.versions.node)
if (complaint === undefined) {
  const { runProcess } = await import('./run-process.ts')
  process.exitCode = await runProcess()
} else {
  process.stderr.write(`${complaint}\n`)
  process.exitCode = 2
}
