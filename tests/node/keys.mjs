// The official consumer of the firehose, with every check on and a cache of identities as relays have it, attached while
// all members' signing keys are replaced and they go on writing. argv[3]: the operator's command as JSON.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { IdResolver, MemoryCache } from '@atproto/identity'
import { Firehose } from '@atproto/sync'
import { join, tell, url } from './people.mjs'

const MEMBERS = 4
const commands = JSON.parse(process.argv[3])
const idResolver = new IdResolver({ plcUrl: `${url}/plc`, fetch: globalThis.fetch, didCache: new MemoryCache() })

const heard = []
const waiting = new Map() // uri -> resolve
const firehose = new Firehose({
  service: url.replace('http', 'ws'),
  idResolver,
  unauthenticatedHandles: true, // .test is in no DNS
  getCursor: () => 0,
  handleEvent: (event) => {
    heard.push(event)
    const uri = event.uri && String(event.uri)
    if (waiting.has(uri)) waiting.get(uri)()
  },
  onError: (error) => {
    console.error(error)
    process.exit(1)
  },
})
const running = firehose.start()

async function say(agent, text) {
  const { uri } = await agent.post({ text })
  await new Promise((resolve) => {
    if (heard.some((event) => event.uri && String(event.uri) === uri)) resolve()
    else waiting.set(uri, resolve)
  })
}

const people = await Promise.all(Array.from({ length: MEMBERS }, () => join()))
await Promise.all(people.map((agent) => say(agent, 'before')))
const keys = () => Promise.all(people.map((agent) => idResolver.did.resolveAtprotoKey(agent.did, true)))

let writing = true
let written = 0
const goingOn = people.map(async (agent) => {
  while (writing) {
    await agent.post({ text: `meanwhile ${written++}` })
  }
})
const before = await keys()
for (const [command, ...words] of commands) await promisify(execFile)(command, words)
writing = false
await Promise.all(goingOn)
await Promise.all(people.map((agent) => say(agent, 'when all is replaced')))
const after = await keys() // and from here on no key that was cached before can pass
await Promise.all(people.map((agent) => say(agent, 'after')))
await firehose.destroy()
await running

for (const [at, key] of before.entries()) assert.notEqual(key, after[at])
for (const agent of people) {
  const identities = heard.filter((event) => event.did === agent.did && event.event === 'identity')
  assert.equal(identities.length, 1 + commands.length) // one when they joined, one for each new key
}
const ours = new Set(people.map((agent) => agent.did)) // others were here before
const records = heard.filter((event) => event.collection === 'app.bsky.feed.post' && ours.has(event.did))
assert.equal(records.length, written + 3 * MEMBERS)
tell({ written, dids: people.map((agent) => agent.did) })
