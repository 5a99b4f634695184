// The official consumer on a line that is cut again and again: it resumes by cursor, every check on, and tells the seq
// of each event that it heard, one a line. argv: the network's URL, and that of the line to it.
import { setTimeout as pause } from 'node:timers/promises'
import { IdResolver, MemoryCache } from '@atproto/identity'
import { Firehose } from '@atproto/sync'

const [, , url, line] = process.argv
const patience = 60_000
let last = 0

// Keys are asked of the network itself, which is killed meanwhile: until it is back.
async function fetchWhenThere(asked, how) {
  for (;;) {
    try {
      return await fetch(asked, how)
    } catch (error) {
      if (how?.signal?.aborted) throw error
      await pause(100)
    }
  }
}

const firehose = new Firehose({
  service: line.replace('http', 'ws'),
  idResolver: new IdResolver({
    plcUrl: `${url}/plc`, fetch: fetchWhenThere, timeout: patience, didCache: new MemoryCache(),
  }),
  unauthenticatedHandles: true, // .test is in no DNS
  getCursor: () => last,
  maxReconnectSeconds: 0.2,
  subscriptionReconnectDelay: 100,
  handleEvent: (event) => {
    last = event.seq
    process.stdout.write(`${event.seq}\n`)
  },
  onError: (error) => {
    if (error.name === 'FirehoseSubscriptionError') return // the line was cut
    console.error(error)
    process.exit(1)
  },
})
process.on('SIGTERM', () => process.exit(0))
await firehose.start()
