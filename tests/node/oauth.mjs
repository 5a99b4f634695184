// An app with the official OAuth client, driven line by line: each line of JSON on stdin is a step, each on stdout its
// answer. The browser in between is the test's. argv[2] is the network's URL.
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import { Agent } from '@atproto/api'
import { NodeOAuthClient } from '@atproto/oauth-client-node'
import { post, tell, url } from './people.mjs'

const sessions = new Map()
const store = (map) => ({ get: (key) => map.get(key), set: (key, value) => void map.set(key, value), del: (key) => void map.delete(key) })
const scope = 'atproto transition:generic'

// The page that the browser comes back to.
let arrived
const site = createServer((request, response) => {
  if (request.url.startsWith('/back')) arrived(new URL(request.url, 'http://127.0.0.1').searchParams)
  response.setHeader('content-type', 'text/html')
  response.end('<!doctype html><link rel=icon href=data:><title>Back</title><h1>You are back</h1>')
})
await new Promise((done) => site.listen(0, '127.0.0.1', done))
const back = `http://127.0.0.1:${site.address().port}/back`

const clientMetadata = {
  client_id: `http://localhost?redirect_uri=${encodeURIComponent('http://127.0.0.1/back')}&scope=${encodeURIComponent(scope)}`,
  redirect_uris: [back],
  scope,
  response_types: ['code'],
  grant_types: ['authorization_code', 'refresh_token'],
  dpop_bound_access_tokens: true,
  application_type: 'native',
  token_endpoint_auth_method: 'none',
}
const client = make()

function make() {
  return new NodeOAuthClient({
    clientMetadata,
    stateStore: store(new Map()),
    sessionStore: store(sessions),
    plcDirectoryUrl: `${url}/plc`,
    handleResolver: url,
    allowHttp: true,
    requestLock: (name, work) => work(),
  })
}
const write = async (session, text) => new Agent(session).com.atproto.repo.createRecord({ repo: session.did, collection: 'app.bsky.feed.post', record: post(text) })
let session
const steps = {
  begin: async ({ handle }) => {
    const came = new Promise((done) => (arrived = done))
    const to = await client.authorize(handle ?? url, { scope, redirect_uri: back })
    steps.finish = async () => {
      session = (await client.callback(await came, { redirect_uri: back })).session
      const { sub, scope: granted, iss } = await session.getTokenInfo()
      return { sub, granted, iss }
    }
    return { to: to.href }
  },
  write: async ({ text }) => (await write(session, text)).data,
  read: async () => ({ handle: (await new Agent(session).com.atproto.server.getSession()).data }),
  refresh: async () => ({ expiresAt: (await session.getTokenInfo(true)).expiresAt }),
  restore: async ({ did }) => {
    session = await make().restore(did, 'auto')
    return { did: session.did }
  },
  tokens: async ({ did }) => sessions.get(did).tokenSet,
  revoke: async () => session.signOut(),
}

for await (const line of createInterface({ input: process.stdin })) {
  const { step, ...given } = JSON.parse(line)
  try {
    tell({ ok: (await steps[step](given)) ?? null })
  } catch (error) {
    tell({ error: error.name, message: `${error.message} ${error.params ?? ''}`, stack: error.stack })
  }
}
site.close()
