// An official client that remembers what it was told, and asks it all again: as a stranger, and page by page.
import assert from 'node:assert/strict'
import { lexicons } from '@atproto/api'

const definition = (nsid) => lexicons.getDefOrThrow(nsid)
const properties = (nsid) => definition(nsid).output?.schema?.properties ?? {}

// Every call of app.bsky that the official client knows.
export const every = [...lexicons]
  .filter(({ id, defs }) => id.startsWith('app.bsky.') && ['query', 'procedure'].includes(defs.main?.type))
  .map(({ id }) => id)

// Every refusal that the lexicons of these calls name.
export const refusals = (nsids) =>
  nsids.flatMap((nsid) => (definition(nsid).errors ?? []).map(({ name }) => `${nsid} ${name}`))

export class Noting {
  answered = new Set()
  refused = new Set()
  queries = new Map()

  // The client holds each answer against its lexicon, and throws if it does not fit.
  constructor(agent) {
    this.agent = agent
    const call = agent.call.bind(agent)
    agent.call = async (nsid, params, data, opts) => {
      try {
        const answer = await call(nsid, params, data, opts)
        this.answered.add(nsid)
        if (definition(nsid).type === 'query') this.queries.set(`${nsid} ${JSON.stringify(params)}`, [nsid, params])
        return answer
      } catch (error) {
        this.refused.add(`${nsid} ${error.error}`)
        throw error
      }
    }
  }

  // What was asked of app.bsky until now, and answered.
  asked() {
    return [...this.queries.values()].filter(([nsid]) => nsid.startsWith('app.bsky.'))
  }
}

export const mustRefuse = (promise, name) => assert.rejects(promise, (error) => {
  assert.equal(error.error, name, `${error}`)
  return true
})

// A list by its pages is the list at once, and ends; true if there was more than one page of it.
export async function inPages(agent, nsid, params) {
  const asks = definition(nsid).parameters?.properties ?? {}
  if (!asks.cursor || !asks.limit) return false
  const list = Object.keys(properties(nsid)).find((name) => properties(nsid)[name].type === 'array')
  const ask = async (more) => (await agent.call(nsid, { ...params, ...more })).data
  const whole = await ask({ limit: asks.limit.maximum })
  const limit = Math.max(1, Math.ceil(whole[list].length / 3))
  const found = []
  let cursor
  do {
    const page = await ask({ limit, cursor })
    assert.ok(page[list].length <= limit, `${nsid}: a page of ${page[list].length} where ${limit} were asked for`)
    assert.notEqual(page.cursor ?? null, cursor ?? '', `${nsid}: a page that leads to itself`)
    found.push(...page[list])
    cursor = page.cursor
  } while (cursor !== undefined && !(whole.cursor !== undefined && found.length >= whole[list].length))
  assert.deepEqual(found.slice(0, whole.cursor === undefined ? undefined : whole[list].length), whole[list], `${nsid} ${JSON.stringify(params)} in pages of ${limit}`)
  return whole[list].length > limit
}
