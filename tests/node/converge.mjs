// The official consumer, attached to an address at which the network is served by one machine after another. It keeps
// what it hears, every check on, and fetches a repository anew when a #sync says so. argv: the network's URL. Tells each
// event in a line of JSON; for each line that it is given, all that it has, as {did: {path: cid}}.
import { createInterface } from 'node:readline'
import { IdResolver, MemoryCache } from '@atproto/identity'
import { verifyRepoCar } from '@atproto/repo'
import { Firehose } from '@atproto/sync'

const [, , url] = process.argv
const kept = new Map() // did -> { rev, records: Map of path to cid }
let last = 0

const idResolver = new IdResolver({ plcUrl: `${url}/plc`, fetch: globalThis.fetch, didCache: new MemoryCache() })
const tell = (said) => process.stdout.write(`${JSON.stringify(said)}\n`)

async function fetchAnew(did) {
  const answer = await fetch(`${url}/xrpc/com.atproto.sync.getRepo?did=${did}`)
  const key = await idResolver.did.resolveAtprotoKey(did)
  const repo = await verifyRepoCar(new Uint8Array(await answer.arrayBuffer()), did, key)
  const records = repo.creates.map(({ collection, rkey, cid }) => [`${collection}/${rkey}`, String(cid)])
  kept.set(did, { rev: repo.commit.rev, records: new Map(records) })
}

function take({ event, did, rev, collection, rkey, cid }) {
  if (!kept.has(did)) kept.set(did, { rev: '', records: new Map() })
  const repo = kept.get(did)
  if (rev < repo.rev) return // fetched since
  repo.rev = rev
  if (event === 'delete') repo.records.delete(`${collection}/${rkey}`)
  else repo.records.set(`${collection}/${rkey}`, String(cid))
}

const firehose = new Firehose({
  service: url.replace('http', 'ws'),
  idResolver,
  unauthenticatedHandles: true, // .test is in no DNS
  getCursor: () => last,
  maxReconnectSeconds: 0.2,
  subscriptionReconnectDelay: 100,
  handleEvent: async (event) => {
    if (event.event === 'sync') await fetchAnew(event.did)
    else if (event.collection) take(event)
    last = event.seq
    tell({ seq: event.seq, event: event.event, did: event.did, rev: event.rev })
  },
  onError: (error) => {
    if (error.name === 'FirehoseSubscriptionError') return // its machine is gone, and the next one not there yet
    console.error(error)
    process.exit(1)
  },
})
createInterface({ input: process.stdin }).on('line', () => {
  tell(Object.fromEntries([...kept].map(([did, { records }]) => [did, Object.fromEntries(records)])))
})
await firehose.start()
