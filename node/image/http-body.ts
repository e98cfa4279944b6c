/** Reading small answers of a registry: bounded, and safe to print. */
import { retryAfterMs } from '../system/retry-after.ts'
import { ImageError, type ImageErrorCode } from './image-error.ts'
import { connectionError, type HttpResponse } from './http-transport.ts'

const MAX_ERROR_BYTES = 4096

/** The whole body; throws ImageError `registry-protocol` past `maxBytes`. */
export async function readBody(response: HttpResponse, maxBytes: number): Promise<Uint8Array> {
  const { bytes, complete } = await readUpTo(response, maxBytes)
  if (!complete) {
    throw new ImageError(
      'registry-protocol',
      `${response.url.host}: an answer of more than ${maxBytes} bytes`,
    )
  }
  return bytes
}

/** `: MESSAGE` from a registry's error document, or '' where it has none. */
export async function readErrorMessage(response: HttpResponse): Promise<string> {
  try {
    const { bytes } = await readUpTo(response, MAX_ERROR_BYTES)
    const document = JSON.parse(Buffer.from(bytes).toString('utf8')) as {
      errors?: { code?: unknown; message?: unknown }[]
    }
    const [first] = document.errors ?? []
    const text = [first?.code, first?.message].filter((part) => typeof part === 'string').join(': ')
    return text === '' ? '' : `: ${printable(text)}`
  } catch {
    return ''
  }
}

/** A stranger's text on one line, without what a terminal would obey. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 200)
}

async function readUpTo(
  response: HttpResponse,
  maxBytes: number,
): Promise<{ readonly bytes: Uint8Array; readonly complete: boolean }> {
  const chunks: Uint8Array[] = []
  let size = 0
  try {
    for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
      chunks.push(chunk)
      size += chunk.length
      if (size > maxBytes) return { bytes: Buffer.concat(chunks), complete: false }
    }
  } catch (error) {
    throw connectionError(response.url, error)
  }
  return { bytes: Buffer.concat(chunks), complete: true }
}

/** Throws the ImageError that a status stands for. */
export async function failResponse(response: HttpResponse, what: string): Promise<never> {
  const { status } = response
  const why = await readErrorMessage(response)
  const host = response.url.host
  const [code, text] = explain(status, host)
  const wait = retryAfterMs(response.header('retry-after'))
  throw new ImageError(code, `${what}: ${text} (status ${status})${why}`, {
    status,
    ...(wait === undefined ? {} : { retryAfterSeconds: Math.ceil(wait / 1000) }),
  })
}

function explain(status: number, host: string): [ImageErrorCode, string] {
  if (status === 401 || status === 403)
    return ['registry-unauthorized', `${host} refuses access; try "docker login"`]
  if (status === 404) return ['registry-not-found', `not found on ${host}`]
  if (status === 429) return ['registry-rate-limited', `${host} limits requests; try again later`]
  if (status >= 500 || status === 408) return ['registry-server', `${host} failed`]
  return ['registry-protocol', `${host} gave an unexpected answer`]
}
