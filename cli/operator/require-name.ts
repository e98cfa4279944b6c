/** A name for a card or a policy that a person can read, and that fits: said of the option itself. */
import { CliError } from '../cli-error.ts'
import { isUnsafeName } from '../terminal/safe-text.ts'

/** As cards and policies have it, in bytes. */
const MAX_NAME_BYTES = 128
const MAX_CONTACT_BYTES = 256

export function requireName(name: string): void {
  if (isUnsafeName(name)) {
    throw new CliError(
      'usage',
      'the name is blank, or has control or invisible characters: give one that can be read',
    )
  }
  requireShort(name, 'name', MAX_NAME_BYTES)
}

export function requireContact(contact: string): void {
  requireShort(contact, 'contact', MAX_CONTACT_BYTES)
}

function requireShort(text: string, what: string, most: number): void {
  const bytes = Buffer.byteLength(text)
  if (bytes <= most) return
  throw new CliError(
    'usage',
    `the ${what} has ${bytes} bytes, and ${most} are the most: shorten it`,
  )
}
