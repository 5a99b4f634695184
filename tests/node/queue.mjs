// Joining where people wait: as the official client does it, with the scope that says so, until it is let in.
import assert from 'node:assert/strict'
import { setTimeout as pause } from 'node:timers/promises'
import { AtpAgent } from '@atproto/api'
import { tell, url } from './people.mjs'

const scope = (jwt) => JSON.parse(Buffer.from(jwt.split('.')[1], 'base64url')).scope
const agent = new AtpAgent({ service: url })
await agent.createAccount({ handle: 'cleo.test', password: 'correct horse battery' })
assert.equal(scope(agent.session.accessJwt), 'com.atproto.signupQueued')

// A page load: the session is resumed, and its holder sees how things stand.
const later = new AtpAgent({ service: url })
await later.resumeSession(agent.session)
assert.equal(later.session.active, false)
const { data: first } = await later.com.atproto.temp.checkSignupQueue()
assert.deepEqual(first, { activated: false, placeInQueue: 1 })
await assert.rejects(later.post({ text: 'too early' }), { error: 'InvalidToken' })

while (!(await later.com.atproto.temp.checkSignupQueue()).data.activated) await pause(50)
await later.sessionManager.refreshSession()
assert.equal(scope(later.session.accessJwt), 'com.atproto.access')
const { uri } = await later.post({ text: 'here I am' })
assert.equal((await later.getProfile({ actor: 'cleo.test' })).data.did, later.did)
tell({ did: later.did, uri })
