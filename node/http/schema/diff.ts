/** What differs between two images, as protocol/normalize/tree-diff.ts has it. */
import { z } from 'zod'
import type { Difference } from '../../../protocol/normalize/diff.ts'
import type { JsonValue } from '../../../protocol/json.ts'
import type { DiffReply, DiffSide } from '../node-service.ts'
import { component } from './component.ts'
import { digest, image, operatorId, platform, sid } from './identifiers.ts'

const values = z.record(z.string(), z.unknown() as unknown as z.ZodType<JsonValue>)

const difference: z.ZodType<Difference> = component(
  'Difference',
  z.object({
    path: z.string(),
    layer: z.number().int().nullable(),
    what: z.array(
      z.enum([
        'added',
        'removed',
        'kind',
        'content',
        'mode',
        'owner',
        'mtime',
        'xattr',
        'record',
        'link',
        'hardlink',
        'device',
        'explicit',
        'opaque',
        'config',
        'annotation',
        'layers',
        'rootfs',
      ]),
    ),
    a: values.exactOptional(),
    b: values.exactOptional(),
    omitted: z.array(z.string()).exactOptional(),
    cause: z.string().exactOptional(),
  }),
)

const side: z.ZodType<DiffSide> = component(
  'DiffSide',
  z.object({
    operator: operatorId.nullable(),
    name: z.string().nullable(),
    sid,
    manifestDigest: digest,
    digest: z.string(),
  }),
)

export const diffReply: z.ZodType<DiffReply> = component(
  'DiffReply',
  z.object({
    image,
    version: z.string(),
    platform,
    level: z.enum(['normalized', 'rootfs']),
    a: side,
    b: side,
    inputs: z.array(
      z.object({
        uri: z.string(),
        versions: z.array(z.object({ digests: z.array(digest), who: z.array(z.string()) })),
      }),
    ),
    equal: z.enum(['normalized', 'rootfs', 'none']),
    count: z.number().int(),
    differences: z.array(difference),
    moved: z.object({
      sent: z.number().int(),
      received: z.number().int(),
      peers: z.number().int(),
    }),
  }),
)
