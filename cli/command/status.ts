import type { Command } from 'commander'
import type { Status } from '../../node/http/node-service.ts'
import type { Bind } from '../command-table.ts'
import { EXIT } from '../exit-code.ts'
import { addExamples } from '../option.ts'
import { cardExpiryFact } from '../terminal/card-expiry.ts'
import { diskFact } from '../terminal/disk-fact.ts'
import { TWO_HISTORIES } from '../terminal/two-histories.ts'
import { logFacts, ownLogFacts } from '../terminal/log-report.ts'
import { gateFact } from '../terminal/queue-table.ts'
import { bad, faint, good, strong, warn, type Text } from '../terminal/style.ts'
import { countWords, timeWords } from '../terminal/words.ts'

const CARD_TROUBLE = {
  'two-histories': TWO_HISTORIES,
  'key-dropped':
    'a newer card of this operator does not list the key of this node: nothing that it signs supports anything',
  'two-cards':
    'there are two cards of one version: this operator supports nothing where no policy pins one; somebody else may have the root key',
} as const

export function define(command: Command, bind: Bind): void {
  command.description(
    'Who this node is, what it follows, whom it is connected to and what it is doing.',
  )
  addExamples(command, ['status', 'status --json'])
  bind(command, async ({ context }) => {
    const status = await context.withNode(({ client }) => client.status())
    const { out } = context
    if (out.json) {
      out.value(status)
      return EXIT.yes
    }
    const { queue, policy } = status
    out.facts([
      [
        'node',
        status.running
          ? good(`running since ${timeWords(status.started)}`)
          : faint('not running; this is what its data folder says'),
      ],
      ...(status.readOnlyReason === null
        ? []
        : [['store', bad(`read-only: ${status.readOnlyReason}`)] as const]),
      ['operator', strong(`${status.name} (${status.operator})`)],
      ['card', cardExpiryFact(status.cardExpires, Math.floor(Date.now() / 1000))],
      ...(status.cardTrouble === null
        ? []
        : [['', bad(CARD_TROUBLE[status.cardTrouble])] as const]),
      ['network', `${status.network}, ${countWords(status.peers, 'peer')}`],
      ['addresses', status.listen.length === 0 ? faint('none') : status.listen],
      ['projects', status.projects.length === 0 ? faint('none followed') : status.projects],
      ['statements', String(status.statements)],
      ...ownLogFacts(status.logs),
      ...logFacts(status.logs.operators),
      ['queue', `${queue.waiting} waiting, ${queue.running} running, ${queue.failed} failed`],
      ...(queue.gate.open && queue.gate.scheduleChanges === null
        ? []
        : [['', gateFact(queue.gate)] as const]),
      ...(status.watches.projects === 0
        ? []
        : [['announces', watchWords(status.watches)] as const]),
      ['disk', diskFact(status.disk)],
      ['alerts', status.openAlerts === 0 ? 'none open' : warn(`${status.openAlerts} open`)],
      ['builder', status.builder ?? faint('none: see "rebuildnet doctor"')],
      ['isolation', status.isolation ?? faint('none')],
      [
        'policy',
        `${countWords(policy.operators, 'operator')} trusted, ${policy.hash.slice(0, 12)}`,
      ],
      ...policy.warnings.map((warning) => ['', warn(warning)] as const),
      ['version', status.version],
    ])
    return EXIT.yes
  })
}

function watchWords({ projects, troubled }: Status['watches']): Text {
  const text = `new tags of ${countWords(projects, 'project')}: see "rebuildnet watch ls"`
  return troubled === 0 ? text : warn(`${text}; ${troubled} could not be looked at`)
}
