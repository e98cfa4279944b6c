/** A problem document that the node answered with, as an error of this process. */
export class ApiError extends Error {
  override readonly name = 'ApiError'
  readonly code: string
  readonly family: string
  readonly metadata: Readonly<Record<string, unknown>>

  constructor(
    code: string,
    family: string,
    detail: string,
    metadata: Readonly<Record<string, unknown>>,
  ) {
    super(detail)
    this.code = code
    this.family = family
    this.metadata = metadata
  }
}

const PROBLEM_FIELDS: ReadonlySet<string> = new Set([
  'type',
  'title',
  'status',
  'detail',
  'code',
  'family',
])

/** The error that a reply of 400 or more stands for. */
export function parseProblem(status: number, body: unknown): ApiError {
  const fields =
    typeof body === 'object' && body !== null ? (body as Readonly<Record<string, unknown>>) : {}
  const { code, family, detail } = fields
  if (typeof code !== 'string' || typeof detail !== 'string') {
    return new ApiError('bad-reply', 'CliError', `the node answered with status ${status}`, {})
  }
  const metadata = Object.fromEntries(
    Object.entries(fields).filter(([name]) => !PROBLEM_FIELDS.has(name)),
  )
  return new ApiError(code, typeof family === 'string' ? family : '', detail, metadata)
}

/** The same error in words that name the file that the user gave; the node saw only what is in it. */
export function rewording(reword: (message: string) => string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof ApiError)) throw error
    const { code, family, message, metadata } = error
    throw new ApiError(code, family, reword(message), metadata)
  }
}
