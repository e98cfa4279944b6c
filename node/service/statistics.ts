/** The statistics of followed projects, from what is in the store. */
import type { ImageName, Sid } from '../../protocol/identifiers.ts'
import type { Rebuild } from '../../protocol/rebuild.ts'
import type { SignedStatement } from '../../protocol/statement.ts'
import { ConfigError } from '../config-error.ts'
import type { ProjectStatistics } from '../http/statistics-summary.ts'
import type { NodeParts } from '../node-parts.ts'
import { summarizeImages, type AnsweredImage, type SaidResult } from '../statistics.ts'

type Parts = Pick<NodeParts, 'identity' | 'policy' | 'projects' | 'signers' | 'store' | 'tally'>

/** Each release asks a question for each platform. */
const DEFAULT_LAST = 100

/** Throws ConfigError `not-followed`. */
export async function projectStatistics(
  parts: Parts,
  { image, last = DEFAULT_LAST }: { readonly image?: string; readonly last?: number },
): Promise<readonly ProjectStatistics[]> {
  const followed = parts.projects.all().map(({ project }) => project.image)
  if (image !== undefined && !followed.includes(image)) {
    throw new ConfigError(
      'not-followed',
      `${image} is not followed: "rebuildnet projects" says which are`,
    )
  }
  const images = image === undefined ? followed : [image]
  return Promise.all(images.map((each) => statisticsOf(parts, each, last)))
}

async function statisticsOf(
  parts: Parts,
  image: ImageName,
  last: number,
): Promise<ProjectStatistics> {
  const { identity, policy, projects, signers, store, tally } = parts
  const announcers = projects.get(image)?.project.announcers ?? []
  const all = (await store.statements.ofImage(image, 'release')).filter(({ key }) =>
    announcers.includes(signers.operatorOf(key) ?? ''),
  )
  const releases = [...all].sort((a, b) => b.body.announced - a.body.announced).slice(0, last)
  const asked = new Map<string, AnsweredImage>()
  const results = new Map<Sid, SaidResult>()
  const add = (statement: SignedStatement | undefined): void => {
    if (statement === undefined || !isRebuild(statement)) return
    const { sid, key, body } = statement
    results.set(sid, { sid, operator: signers.operatorOf(key), body })
  }
  for (const { sid, body } of releases) {
    for (const { platform, manifestDigest: digest } of body.platforms) {
      if (digest === undefined) continue
      const answer = await tally.answer({ repository: image, digest, platform })
      const key = `${platform} ${digest}`
      // Announced again, under another name: it was waited for since the first time.
      const announced = Math.min(body.announced, asked.get(key)?.announced ?? Infinity)
      asked.set(key, { announced, answer })
      // Of another release of the same input, it may be.
      for (const each of answer.supporters.flatMap(({ sids }) => sids)) {
        if (!results.has(each)) add((await store.statements.get(each))?.statement)
      }
    }
    for (const result of await store.statements.rebuildsOf(sid)) add(result)
  }
  return {
    image,
    releases: { counted: releases.length, known: all.length },
    ...summarizeImages({
      images: [...asked.values()],
      results: [...results.values()],
      self: identity.card.body.operator,
      trusted: new Map(policy.lastPolicy.operators.map(({ id, name }) => [id, name])),
    }),
  }
}

function isRebuild(statement: SignedStatement): statement is SignedStatement<Rebuild> {
  return statement.body.kind === 'rebuild'
}
