/**
 * The two encoders that every JavaScript host has. `types: []` hides them together with all the
 * things this package must not see (timers, the DOM, Node), so they are declared here by hand.
 */
declare class TextEncoder {
  encode(input?: string): Uint8Array<ArrayBuffer>
}

declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean })
  decode(input?: Uint8Array): string
}
