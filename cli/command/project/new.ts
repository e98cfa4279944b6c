import { writeFile } from 'node:fs/promises'
import type { Command } from 'commander'
import { describeSystemError } from '../../../node/system-error.ts'
import type { Bind } from '../../command-table.ts'
import { CliError } from '../../cli-error.ts'
import type { Context } from '../../context.ts'
import { EXIT } from '../../exit-code.ts'
import { addExamples, collect } from '../../option.ts'
import { strong } from '../../terminal/style.ts'
import {
  draftProject,
  QUESTIONS,
  type DraftAnswers,
  type DraftKey,
  type DraftQuestion,
} from './draft.ts'

interface Options {
  readonly image?: string
  readonly source?: string
  readonly announcer?: readonly string[]
  readonly platform?: readonly string[]
  readonly dockerfile?: string
  readonly context?: string
  readonly builder?: string
  readonly epoch?: string
  readonly output?: string
  readonly force?: true
  readonly yes?: true
}

const KEYS = Object.keys(QUESTIONS) as readonly DraftKey[]

export function defineNew(command: Command, bind: Bind): void {
  const create = command
    .command('new')
    .summary('write a project file by asking')
    .description(
      'Asks for what a project file must say, judges each answer, and writes the file. What is given by options is not asked; with --yes nothing is, and defaults are taken.',
    )
    .option('--image <image>', 'image of the project, HOST/PATH')
    .option('--source <url>', 'where its source is, git+https://HOST/PATH')
    .option('--announcer <operator>', 'whose announcements count; may be repeated', collect)
    .option('--platform <os/arch>', 'may be repeated (default: linux/amd64)', collect)
    .option('--dockerfile <path>', 'in the source (default: Dockerfile)')
    .option('--context <path>', 'in the source (default: .)')
    .option('--builder <builder>', 'NAME, NAME@VERSION or NAME=IMAGE@sha256:… (default: buildah)')
    .option(
      '--epoch <epoch>',
      'commit, seconds, annotation:KEY or date:annotation:KEY (default: commit)',
    )
    .option('-o, --output <file>', 'file to write; named after the image where absent')
    .option('--force', 'write over a file that is there')
    .option('--yes', 'ask nothing')
  addExamples(create, [
    'project new',
    'project new --image ghcr.io/example/app --source git+https://github.com/example/app --announcer op1… --yes',
    'project new --builder buildah@1.28 --epoch date:annotation:org.example.date -o app.toml',
  ])
  bind<Options>(create, async ({ context, options }) => {
    const answers = await gather(context, options)
    if (answers === undefined) {
      context.out.note('nothing was written')
      if (context.json) context.out.value({ file: null })
      return EXIT.no
    }
    const text = draftProject(answers)
    const file = options.output ?? `${answers.image.slice(answers.image.lastIndexOf('/') + 1)}.toml`
    const { readProjectText } = await import('../../../node/project-files.ts')
    const project = readProjectText(text, file)
    await write(file, text, options.force ?? false)
    const next = [
      `rebuildnet project lint ${file} --source FOLDER`,
      `rebuildnet follow ${file}`,
      `rebuildnet announce ${project.image} --version VERSION --ref REF`,
    ]
    if (context.json) context.out.value({ file, image: project.image, next })
    else
      context.out.facts([
        ['wrote', strong(file)],
        ['next', next],
      ])
    return EXIT.yes
  })
}

/** By options, else by asking, else by default; undefined where the user gives up. */
async function gather(context: Context, options: Options): Promise<DraftAnswers | undefined> {
  const given: Readonly<Record<DraftKey, string | undefined>> = {
    image: options.image,
    source: options.source,
    announcers: options.announcer?.join(','),
    platforms: options.platform?.join(','),
    dockerfile: options.dockerfile,
    context: options.context,
    builder: options.builder,
    epoch: options.epoch,
  }
  // What is wrong with the call is said before anything is asked.
  for (const key of KEYS) {
    const answer = given[key]
    const refused = answer === undefined ? undefined : refuse(QUESTIONS[key], answer)
    if (refused !== undefined) throw new CliError('usage', `${QUESTIONS[key].flag}: ${refused}`)
  }
  const answers: Partial<Record<DraftKey, string>> = {}
  for (const key of KEYS) {
    const question: DraftQuestion = QUESTIONS[key]
    const answer =
      given[key] ?? (options.yes === true ? question.initial : await ask(context, question))
    if (answer === undefined && options.yes !== true) return undefined
    if (answer === undefined) {
      throw new CliError('usage', `${question.flag} is missing: write ${question.hint}`)
    }
    answers[key] = answer
  }
  return answers as DraftAnswers
}

function ask(context: Context, question: DraftQuestion): Promise<string | undefined> {
  const { message, flag, hint, initial } = question
  return context.ask(message, `there is no terminal to ask on: add ${flag} (${hint})`, {
    ...(initial === undefined ? {} : { initial }),
    refuse: (answer) => refuse(question, answer),
  })
}

function refuse({ is, hint }: DraftQuestion, answer: string): string | undefined {
  return is(answer) ? undefined : `${JSON.stringify(answer)} cannot be: write ${hint}`
}

async function write(file: string, text: string, force: boolean): Promise<void> {
  try {
    await writeFile(file, text, { flag: force ? 'w' : 'wx' })
  } catch (cause) {
    const there = (cause as NodeJS.ErrnoException).code === 'EEXIST'
    throw new CliError(
      'file',
      there
        ? `${file} is there already: name another with --output, or add --force`
        : `${file}: ${describeSystemError(cause)}`,
      { cause },
    )
  }
}
