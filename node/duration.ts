/** Durations as people write them: `90s`, `10m`, `48h`, `7d`. */

const UNIT_SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** Whole seconds, or undefined where `text` is no duration. */
export function parseDuration(text: string): number | undefined {
  const match = /^([1-9][0-9]{0,7})(s|m|h|d)$/.exec(text)
  if (match === null) return undefined
  return Number(match[1]) * (UNIT_SECONDS[match[2] ?? ''] ?? 0)
}
