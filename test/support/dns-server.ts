/** A DNS server on loopback that knows some TXT records (RFC 1035), and that no other name exists. */
import { createSocket } from 'node:dgram'
import { getServers, setServers } from 'node:dns/promises'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'

export interface DnsServer {
  /** Records by name; may be changed while it runs. */
  readonly records: Map<string, readonly string[]>
  /** Names that were asked for, in order. */
  readonly asked: string[]
}

const TYPE_TXT = 16
const NXDOMAIN = 3

/** Starts it, and lets this process ask it until the test ends. */
export async function startDnsServer(
  records: Record<string, readonly string[]>,
): Promise<DnsServer> {
  const server: DnsServer = { records: new Map(Object.entries(records)), asked: [] }
  const socket = createSocket('udp4')
  socket.on('message', (query, { port, address }) => {
    const { name, end } = parseName(query, 12)
    server.asked.push(name)
    const texts = server.records.get(name)
    const question = query.subarray(12, end + 4)
    const header = Buffer.alloc(12)
    query.copy(header, 0, 0, 2)
    // A response to a recursive query.
    header.writeUInt16BE(0x8180 | (texts === undefined ? NXDOMAIN : 0), 2)
    header.writeUInt16BE(1, 4)
    header.writeUInt16BE(texts?.length ?? 0, 6)
    socket.send(Buffer.concat([header, question, ...(texts ?? []).map(txtAnswer)]), port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const before = getServers()
  setServers([`127.0.0.1:${socket.address().port}`])
  onTestFinished(() => {
    setServers(before)
    socket.close()
  })
  return server
}

function parseName(message: Buffer, from: number): { name: string; end: number } {
  const labels: string[] = []
  let at = from
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.subarray(at + 1, at + 1 + length).toString())
    at += 1 + length
  }
  return { name: labels.join('.'), end: at + 1 }
}

/** A TXT record of the name in the question; long texts are cut into strings of 255 bytes. */
function txtAnswer(text: string): Buffer {
  const pieces = text.match(/.{1,255}/gs) ?? ['']
  const data = Buffer.concat(
    pieces.map((piece) => Buffer.concat([Buffer.from([piece.length]), Buffer.from(piece)])),
  )
  const record = Buffer.alloc(12)
  record.writeUInt16BE(0xc00c, 0)
  record.writeUInt16BE(TYPE_TXT, 2)
  record.writeUInt16BE(1, 4)
  record.writeUInt32BE(60, 6)
  record.writeUInt16BE(data.length, 10)
  return Buffer.concat([record, data])
}
