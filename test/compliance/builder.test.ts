import { Buildah } from '../../node/rebuild/buildah.ts'
import { missingTools } from '../../node/system/packages.ts'
import { describeBuilder } from './builder-suite.ts'

const inCi = process.env.CI === 'true'
const needed = ['buildah', 'busybox', 'unshare', 'mount', 'ip']
const missing = missingTools('test').filter(({ name }) => needed.includes(name))

// Skipped without the tools, and without root, whose limits and mounts it tests; never in CI.
const runs = inCi || (missing.length === 0 && process.getuid?.() === 0)
const reason = missing.length > 0 ? ` (needs ${missing.map(({ name }) => name).join(', ')})` : ''

describeBuilder(`buildah${runs ? '' : reason || ' (needs root)'}`, () => new Buildah(), runs)
