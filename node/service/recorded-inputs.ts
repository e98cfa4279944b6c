/** What the operators read who do not agree on an image, from the results that an answer names. */
import type { RecordedInputs } from '../../protocol/differing-inputs.ts'
import type { Answer } from '../../protocol/verdict/answer.ts'
import type { NodeParts } from '../node-parts.ts'

/** Where nobody disagrees there is nothing to explain by it: then it is empty. */
export async function recordedInputs(
  store: Pick<NodeParts['store'], 'statements'>,
  { supporters, dissenters }: Pick<Answer, 'supporters' | 'dissenters'>,
): Promise<readonly RecordedInputs[]> {
  if (dissenters.length === 0) return []
  const said = [...supporters, ...dissenters].flatMap(({ operator, sids }) =>
    sids.map((sid) => ({ who: operator, sid })),
  )
  return Promise.all(
    said.map(async ({ who, sid }) => {
      const body = (await store.statements.get(sid))?.statement.body
      return { who, materials: body?.kind === 'rebuild' ? body.materials : [] }
    }),
  )
}
