/**
 * What must be known to write a project file, and the file that comes of it.
 *
 * Each answer is judged by the same rules by which the file is read, and the file as a whole is
 * read once more before it is written.
 */
import { isOperatorId } from '../../../protocol/identifiers.ts'
import { isImageName } from '../../../protocol/image-name.ts'
import { isPlatform } from '../../../protocol/platform.ts'
import {
  BUILDER_NAMES,
  isAnnotationKey,
  isBuilderVersion,
  isContextPath,
  isPinnedImage,
  isSourcePath,
  MAX_TIME,
} from '../../../protocol/recipe.ts'
import { isSourceUrl } from '../../../protocol/source-url.ts'

export interface DraftQuestion {
  readonly flag: string
  readonly message: string
  /** What is taken where nobody says otherwise. */
  readonly initial?: string
  readonly is: (answer: string) => boolean
  /** Completes "write …". */
  readonly hint: string
}

const each =
  (is: (text: string) => boolean) =>
  (list: string): boolean =>
    listed(list).every(is)

/** In the order in which they are asked. */
export const QUESTIONS = {
  image: {
    flag: '--image',
    message: 'Which image is it?',
    is: isImageName,
    hint: 'HOST/PATH in lower case and without a tag, such as ghcr.io/example/app',
  },
  source: {
    flag: '--source',
    message: 'Where is its source?',
    is: isSourceUrl,
    hint: 'git+https://HOST/PATH',
  },
  announcers: {
    flag: '--announcer',
    message: 'Whose announcements count (operator ids; "rebuildnet operator show" says your own)?',
    is: each(isOperatorId),
    hint: 'operator ids (op1 and 52 characters), separated by commas',
  },
  platforms: {
    flag: '--platform',
    message: 'For which platforms?',
    initial: 'linux/amd64',
    is: each(isPlatform),
    hint: 'platforms such as linux/amd64,linux/arm64',
  },
  dockerfile: {
    flag: '--dockerfile',
    message: 'Where in the source is the Dockerfile?',
    initial: 'Dockerfile',
    is: isSourcePath,
    hint: 'a path in the source, without ".."',
  },
  context: {
    flag: '--context',
    message: 'Which folder of the source does it build?',
    initial: '.',
    is: isContextPath,
    hint: '"." for the whole source, or a path in it',
  },
  builder: {
    flag: '--builder',
    message: 'With which builder (NAME, NAME@VERSION, or NAME=IMAGE@sha256:…)?',
    initial: 'buildah',
    is: (text) => readBuilder(text) !== undefined,
    hint: `${BUILDER_NAMES.join(', ')}, with @VERSION or =IMAGE@sha256:… to pin it`,
  },
  epoch: {
    flag: '--epoch',
    message: 'What is its SOURCE_DATE_EPOCH?',
    initial: 'commit',
    is: (text) => readEpoch(text) !== undefined,
    hint: 'commit, seconds since 1970, annotation:KEY, or date:annotation:KEY for a date such as 20260610',
  },
} as const satisfies Readonly<Record<string, DraftQuestion>>

export type DraftKey = keyof typeof QUESTIONS
export type DraftAnswers = Readonly<Record<DraftKey, string>>

function listed(list: string): readonly string[] {
  return list.split(',').map((item) => item.trim())
}

export function draftProject(answers: DraftAnswers): string {
  const builder = readBuilder(answers.builder) ?? []
  const epoch = readEpoch(answers.epoch)
  const isBuildKit = /^(?:buildkit|docker)\b/.test(answers.builder)
  return [
    `# What this file lets happen: its recipe runs here, and its announcers' word counts.`,
    'format = 1',
    `image = ${quote(answers.image)}`,
    `platforms = ${quoteList(answers.platforms)}`,
    `source = ${quote(answers.source)}`,
    `announcers = ${quoteList(answers.announcers)}`,
    '',
    '[recipe]',
    `dockerfile = ${quote(answers.dockerfile)}`,
    `context = ${quote(answers.context)}`,
    `source_date_epoch = ${epoch ?? '"commit"'}`,
    '',
    '[[recipe.builders]]',
    ...builder,
    // Without it these builders keep the times of the build in layers.
    ...(isBuildKit ? ['', '[recipe.exporter]', 'rewrite-timestamp = "true"'] : []),
    '',
  ].join('\n')
}

/** The lines of the builder's table. */
function readBuilder(text: string): readonly string[] | undefined {
  const [, name = '', sign, pin = ''] = /^([a-z]+)(?:([@=])(.+))?$/.exec(text) ?? []
  if (!BUILDER_NAMES.some((known) => known === name)) return undefined
  if (sign === undefined) return [`name = ${quote(name)}`]
  const [key, fits] = sign === '@' ? ['version', isBuilderVersion] : ['image', isPinnedImage]
  return fits(pin) ? [`name = ${quote(name)}`, `${key} = ${quote(pin)}`] : undefined
}

/** The value of the key, as TOML. */
function readEpoch(text: string): string | undefined {
  if (text === 'commit') return quote(text)
  if (/^[0-9]{1,12}$/.test(text) && Number(text) <= MAX_TIME) return String(Number(text))
  const [, date, from = '', key = ''] = /^(date:)?(annotation|label):(.+)$/.exec(text) ?? []
  if (!isAnnotationKey(key)) return undefined
  const [pattern, as] = date === undefined ? ['[0-9]{1,12}', ''] : ['[0-9]{8}', ', as = "date"']
  return `{ from = ${quote(`${from}:${key}`)}, pattern = "${pattern}"${as} }`
}

/** A basic string of TOML is written like one of JSON. */
function quote(text: string): string {
  return JSON.stringify(text)
}

function quoteList(list: string): string {
  return `[${listed(list).map(quote).join(', ')}]`
}
