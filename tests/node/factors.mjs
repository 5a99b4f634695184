// A second factor with the official client: it is told that a code is needed, asks for it and sends it.
// argv: URL, handle, password, and codes that count one after the other.
import assert from 'node:assert/strict'
import { AtpAgent, ComAtprotoServerCreateSession } from '@atproto/api'
import { tell, url } from './people.mjs'

const [identifier, password, ...codes] = process.argv.slice(3)
const login = (authFactorToken) => new AtpAgent({ service: url }).login({ identifier, password, authFactorToken })

const needed = await login().catch((error) => error)
assert.ok(needed instanceof ComAtprotoServerCreateSession.AuthFactorTokenRequiredError)
assert.equal(needed.status, 401)
const wrong = await login('000 00x').catch((error) => error)
assert.equal(wrong.error, 'InvalidToken')
assert.match(wrong.message, /Token is invalid/)

const dids = []
for (const code of codes) dids.push((await login(code)).data.did)
const used = await login(codes[0]).catch((error) => error)
assert.equal(used.error, 'InvalidToken')
tell({ dids })
