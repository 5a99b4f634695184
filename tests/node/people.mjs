// People with the official client, for the other scripts here. argv[2] is the network's URL.
import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { AtpAgent } from '@atproto/api'
import { IdResolver } from '@atproto/identity'

export const url = process.argv[2]
export const resolver = new IdResolver({ plcUrl: `${url}/plc`, fetch: globalThis.fetch }) // its own fetch takes no plain http

export async function join(domain = '.test') {
  const agent = new AtpAgent({ service: url })
  const handle = `n${randomBytes(6).toString('hex')}${domain}`
  await agent.createAccount({ handle, password: 'correct horse battery' })
  return agent
}

export const write = {
  create: (collection, value, rkey) => ({ $type: 'com.atproto.repo.applyWrites#create', collection, rkey, value }),
  update: (collection, rkey, value) => ({ $type: 'com.atproto.repo.applyWrites#update', collection, rkey, value }),
  delete: (collection, rkey) => ({ $type: 'com.atproto.repo.applyWrites#delete', collection, rkey }),
}

export const apply = (agent, ...writes) => agent.com.atproto.repo.applyWrites({ repo: agent.did, writes })

export const post = (text) => ({ $type: 'app.bsky.feed.post', text, createdAt: new Date().toISOString() })

// Waits until the views show all that anybody wrote. (Each member's own writes are waited for anyhow.)
export async function indexed() {
  while (!(await (await fetch(`${url}/metrics`)).text()).includes('freehold_index_lag_events 0.0')) await pause(10)
}

// What a test is told: one line of JSON.
export const tell = (said) => console.log(JSON.stringify(said))
