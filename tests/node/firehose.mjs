// The official consumer of the firehose, with every check on, while people write in every way at once.
import assert from 'node:assert/strict'
import { Firehose } from '@atproto/sync'
import { apply, join, post, resolver, tell, url, write } from './people.mjs'

const POST = 'app.bsky.feed.post'
const NOTE = 'example.town.note' // a collection that no lexicon names
const LIKE = 'app.bsky.feed.like'
const [, , , peopleCount, rounds] = process.argv.map(Number)

const heard = new Map() // did -> what was heard, in order
const waiting = new Map() // did/path -> resolve
const firehose = new Firehose({
  service: url.replace('http', 'ws'),
  idResolver: resolver,
  unauthenticatedHandles: true, // .test is in no DNS
  getCursor: () => 0,
  handleEvent: (event) => {
    const did = event.did
    if (!heard.has(did)) heard.set(did, [])
    heard.get(did).push(event)
    const path = `${did}/${event.collection}/${event.rkey}`
    if (waiting.has(path)) waiting.get(path)()
  },
  onError: (error) => {
    console.error(error)
    process.exit(1)
  },
})
const running = firehose.start()

// One person's writes; gives what a reader must hear, in order, as [event, path].
async function writeVariously(agent) {
  const expected = []
  const expect = (event, path) => expected.push([event, path])
  const texts = []
  for (let round = 0; round < rounds; round++) {
    const { uri, cid } = await agent.post({ text: `round ${round}` })
    texts.push(uri.split('/').pop())
    expect('create', `${POST}/${texts.at(-1)}`)
    const like = await agent.like(uri, cid)
    expect('create', `${LIKE}/${like.uri.split('/').pop()}`)
    const several = await apply(
      agent,
      write.create(POST, post('one of several')),
      write.create(NOTE, { $type: NOTE, round }, `key-${round}`),
      write.update(POST, texts[0], post(`changed in ${round}`)),
      write.delete(LIKE, like.uri.split('/').pop()),
    )
    const made = several.data.results[0].uri.split('/').pop()
    for (const [event, path] of [
      ['create', `${POST}/${made}`],
      ['create', `${NOTE}/key-${round}`],
      ['update', `${POST}/${texts[0]}`],
      ['delete', `${LIKE}/${like.uri.split('/').pop()}`],
    ]) expect(event, path)
    await agent.com.atproto.repo.putRecord({ repo: agent.did, collection: POST, rkey: made, record: post('put') })
    expect('update', `${POST}/${made}`)
    if (round % 3 === 2) {
      await agent.com.atproto.repo.deleteRecord({ repo: agent.did, collection: NOTE, rkey: `key-${round}` })
      expect('delete', `${NOTE}/key-${round}`)
    }
  }
  return expected
}

function hears(path) {
  return new Promise((resolve) => waiting.set(path, resolve))
}

const people = await Promise.all(Array.from({ length: peopleCount }, () => join()))
const expected = await Promise.all(people.map(writeVariously))
const ends = people.map((agent) => hears(`${agent.did}/${NOTE}/end`))
await Promise.all(people.map((agent) => apply(agent, write.create(NOTE, { $type: NOTE }, 'end'))))
await Promise.all(ends)
await firehose.destroy()
await running

let last
for (const [at, agent] of people.entries()) {
  const events = heard.get(agent.did)
  const records = events.filter((event) => event.collection)
  const seen = records.map((event) => [event.event, `${event.collection}/${event.rkey}`])
  const byCommit = (pairs) => pairs.map((pair) => pair.join(' '))
  assert.deepEqual(byCommit(seen).sort(), byCommit([...expected[at], ['create', `${NOTE}/end`]]).sort())
  assert.deepEqual(events.slice(0, 2).map((event) => event.event), ['identity', 'account'])
  const revs = records.map((event) => event.rev)
  assert.deepEqual(revs, [...revs].sort())
  await assureSameState(agent, records)
  if (!last || records.at(-1).seq > last.seq) last = records.at(-1)
}

// What the events add up to is what the repository holds.
async function assureSameState(agent, records) {
  const state = new Map()
  for (const event of records) {
    const path = `${event.collection}/${event.rkey}`
    if (event.event === 'delete') state.delete(path)
    else state.set(path, String(event.cid))
  }
  const there = new Map()
  for (const collection of [POST, LIKE, NOTE]) {
    for (let cursor; ; ) {
      const page = await agent.com.atproto.repo.listRecords({ repo: agent.did, collection, limit: 100, cursor })
      for (const { uri, cid } of page.data.records) there.set(uri.split('/').slice(3).join('/'), cid)
      cursor = page.data.cursor
      if (!cursor) break
    }
  }
  assert.deepEqual([...state].sort(), [...there].sort())
}

tell({
  dids: people.map((agent) => agent.did),
  operations: expected.flat().length + people.length,
  last: String(last.commit),
})
