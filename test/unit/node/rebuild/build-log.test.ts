import { createHash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { BuildLog, printable } from '../../../../node/rebuild/build-log.ts'

const folder = mkdtempSync(join(tmpdir(), 'rebuildnet-log-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const KIB = 1024
let count = 0
function write(maxBytes: number, chunks: readonly string[]) {
  const path = join(folder, `${count++}.log`)
  const log = new BuildLog(path, maxBytes)
  for (const chunk of chunks) log.write(Buffer.from(chunk))
  const tail = log.tail()
  const digest = log.close()
  return { log, tail, digest, bytes: readFileSync(path) }
}

describe('the build log', () => {
  it('holds what was written and gives its sha256', () => {
    const { bytes, digest, log } = write(200 * KIB, ['one\n', 'two\n'])
    expect(bytes.toString()).toBe('one\ntwo\n')
    expect(digest).toBe(`sha256:${createHash('sha256').update('one\ntwo\n').digest('hex')}`)
    expect(log.truncated).toBe(false)
  })

  it.each([7, 100, 64 * KIB, 65 * KIB, 200 * KIB])(
    'keeps all of an output that is just at its limit, in chunks of %d bytes',
    (size) => {
      const text = 'abcdefghij'.repeat(10 * KIB)
      const chunks = text.match(new RegExp(`[^]{1,${Math.min(size, 65_000)}}`, 'g')) ?? []
      const { bytes, log } = write(text.length, chunks)
      expect(bytes.toString()).toBe(text)
      expect(log.truncated).toBe(false)
    },
  )

  it.each([10, 1000, 60_000, 150_000])(
    'cuts the middle out of a longer one and says how much, in chunks of %d bytes',
    (size) => {
      const text = Array.from({ length: 40_000 }, (_, line) => `line ${line}\n`).join('')
      const chunks: string[] = []
      for (let at = 0; at < text.length; at += size) chunks.push(text.slice(at, at + size))
      const { bytes, log, digest } = write(100 * KIB, chunks)
      const [head = '', mark, end = ''] = bytes.toString().split(/\n(\[rebuildnet\].*)\n/)
      const dropped = Number(/cut here: (\d+) bytes left out/.exec(mark ?? '')?.[1])
      expect(text.startsWith(head)).toBe(true)
      expect(text.endsWith(end)).toBe(true)
      expect(head.length + dropped + end.length).toBe(text.length)
      expect(head.length + end.length).toBe(100 * KIB)
      expect(log.truncated).toBe(true)
      expect(digest).toBe(`sha256:${createHash('sha256').update(bytes).digest('hex')}`)
    },
  )

  it('shows its end without control characters', () => {
    const { tail } = write(200 * KIB, ['x'.repeat(10_000), '\u001b[31mred\u001b[0m\u0007 end\r\n'])
    expect(tail.endsWith('red end\n')).toBe(true)
    expect(tail.length).toBe(4096)
  })

  it('keeps lines and tabs when it strips control characters', () => {
    expect(printable('a\tb\nc\u0000\u009b2Jd\u001b\u009d')).toBe('a\tb\ncd')
  })
})
