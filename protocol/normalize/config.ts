/**
 * The image config: read strictly, and written in the one form that is hashed.
 * README.md, "Config".
 */
import { canonicalJson } from '../canonical-json.ts'
import { isDigest } from '../identifiers.ts'
import { isJsonObject, type JsonValue } from '../json.ts'
import { checkKeyCase, member, parseImageJson } from './image-json.ts'
import { DEFAULT_NORMALIZE_LIMITS, type NormalizeLimits } from './limits.ts'
import { NormalizeError } from './normalize-error.ts'
import { parsePlatformFields } from './platform-fields.ts'
import type { Profile } from './profile.ts'

export interface ImageConfig {
  /** `os/arch[/variant]`, arm64 without `v8`. */
  readonly platform: string
  /** `sha256:<hex>` of each uncompressed layer, lowest first. */
  readonly diffIDs: readonly string[]
  /** The canonical JSON, as the profile has it. */
  readonly canonical: string
}

/** Keys whose empty values (`""`, `[]`, `{}`, `false`, `0`) one builder writes and another omits. */
const ABSENT_IF_EMPTY = new Set(['author', 'variant', 'os.version', 'os.features'])
const CONFIG_ABSENT_IF_EMPTY = new Set([
  'User',
  'ExposedPorts',
  'Env',
  'Entrypoint',
  'Cmd',
  'Volumes',
  'WorkingDir',
  'Labels',
  'StopSignal',
  'StopTimeout',
  'Healthcheck',
  'OnBuild',
  'Shell',
  'NetworkDisabled',
  'MacAddress',
  'Tty',
  'OpenStdin',
  'StdinOnce',
  'AttachStdin',
  'AttachStdout',
  'AttachStderr',
  'Memory',
  'MemorySwap',
  'CpuShares',
])

/** When, by which tool and from what the image was made. */
const OUT = new Set([
  'created',
  'history',
  'container',
  'container_config',
  'docker_version',
  'id',
  'parent',
  'parent_id',
  'moby.buildkit.buildinfo.v1',
  'moby.buildkit.cache.v0',
])
const CONFIG_OUT = new Set(['Hostname', 'Domainname', 'Image', 'ArgsEscaped'])
const LABELS_OUT = new Set(['io.buildah.version'])

const KNOWN = new Set([...ABSENT_IF_EMPTY, ...OUT, 'architecture', 'os', 'config', 'rootfs'])
const CONFIG_KNOWN = new Set([...CONFIG_ABSENT_IF_EMPTY, ...CONFIG_OUT])
const ROOTFS_KNOWN = new Set(['type', 'diff_ids'])
const HEALTHCHECK_KNOWN = new Set([
  'Test',
  'Interval',
  'Timeout',
  'StartPeriod',
  'StartInterval',
  'Retries',
])

/** Objects whose keys are data: `null` there is an entry to some tools and nothing to others. */
const MAPS = ['Labels', 'Volumes', 'ExposedPorts'] as const

/** Throws NormalizeError. */
export function parseConfig(
  bytes: Uint8Array,
  profile: Profile,
  limits: NormalizeLimits = DEFAULT_NORMALIZE_LIMITS,
): ImageConfig {
  const config = parseImageJson(bytes, 'config', {
    maxBytes: limits.maxConfigBytes,
    maxDepth: limits.maxConfigDepth,
    maxValues: limits.maxJsonValues,
  })
  checkKeyCase(config, KNOWN, 'config-case-folded-key')
  const diffIDs = parseRootfs(member(config, 'rootfs'))
  const platform = parsePlatformFields(config)
  const out = newObject()
  for (const [key, value] of Object.entries(config)) {
    if (OUT.has(key) || value === null) continue
    const kept = key === 'config' ? keepRuntimeConfig(value, profile) : dropNulls(value)
    if (ABSENT_IF_EMPTY.has(key) && isEmpty(kept)) continue
    out[key] = key === 'rootfs' ? { type: 'layers' } : kept
  }
  return { platform, diffIDs, canonical: canonicalJson(out, 'utf8') }
}

function fail(code: NormalizeError['code'], message: string): never {
  throw new NormalizeError(code, message)
}

function newObject(): Record<string, JsonValue> {
  return Object.create(null) as Record<string, JsonValue>
}

/** Its diff IDs. The layer digests take their place in the hash, so nothing else may hide here. */
function parseRootfs(rootfs: JsonValue | undefined): readonly string[] {
  if (!isJsonObject(rootfs)) fail('config-rootfs', 'a config without a rootfs')
  checkKeyCase(rootfs, ROOTFS_KNOWN, 'config-case-folded-key')
  for (const key of Object.keys(rootfs)) {
    if (!ROOTFS_KNOWN.has(key)) fail('config-rootfs', `a rootfs with ${JSON.stringify(key)}`)
  }
  if (member(rootfs, 'type') !== 'layers') fail('config-rootfs', 'a rootfs that is not of layers')
  const diffIDs = member(rootfs, 'diff_ids') ?? []
  if (!Array.isArray(diffIDs)) fail('config-rootfs', 'diff_ids that is not an array')
  return diffIDs.map((diffID: JsonValue) => {
    if (typeof diffID !== 'string' || !isDigest(diffID)) {
      fail('config-diffid', 'a diff ID that is not sha256: and 64 hex digits')
    }
    return diffID
  })
}

/** The `config` object: what a runtime is told. */
function keepRuntimeConfig(value: JsonValue, profile: Profile): JsonValue {
  if (!isJsonObject(value)) fail('config-type', 'a "config" that is not an object')
  checkKeyCase(value, CONFIG_KNOWN, 'config-case-folded-key')
  const healthcheck = member(value, 'Healthcheck')
  if (isJsonObject(healthcheck)) {
    checkKeyCase(healthcheck, HEALTHCHECK_KNOWN, 'config-case-folded-key')
  }
  for (const key of MAPS) checkMap(key, member(value, key))
  const out = newObject()
  for (const [key, each] of Object.entries(value)) {
    if (CONFIG_OUT.has(key) || each === null) continue
    const kept = key === 'Labels' ? keepLabels(each, profile) : dropNulls(each)
    if (CONFIG_ABSENT_IF_EMPTY.has(key) && isEmpty(kept)) continue
    out[key] = kept
  }
  return out
}

function checkMap(key: string, map: JsonValue | undefined): void {
  if (!isJsonObject(map)) return
  for (const [name, value] of Object.entries(map)) {
    if (value === null) fail('config-null-entry', `${key} has null at ${JSON.stringify(name)}`)
  }
}

function keepLabels(labels: JsonValue, profile: Profile): JsonValue {
  if (isEmpty(labels)) return labels
  if (!isJsonObject(labels)) fail('config-type', 'Labels that are not an object')
  const out = newObject()
  for (const [key, value] of Object.entries(labels)) {
    if (typeof value !== 'string') {
      fail('config-type', `the label ${JSON.stringify(key)} is not a string`)
    }
    if (!LABELS_OUT.has(key) && !profile.ignoreLabels.has(key)) out[key] = value
  }
  return out
}

function isEmpty(value: JsonValue): boolean {
  if (value === '' || value === false || value === 0 || value === null) return true
  if (Array.isArray(value)) return value.length === 0
  return isJsonObject(value) && Object.keys(value).length === 0
}

/** Members that are null are absent at any depth; elements of arrays stay. */
function dropNulls(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(dropNulls)
  if (!isJsonObject(value)) return value
  const out: Record<string, JsonValue> = newObject()
  for (const [key, each] of Object.entries(value)) {
    if (each !== null) out[key] = dropNulls(each)
  }
  return out
}
